package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/harness/apitest"
	"github.com/dudaji/nufi/test/harness/oidctest"
)

// matrixRow is a route, with a query if it requires one, and its status for a cluster administrator,
// the project's admin, its viewer, and the admin of another project, in this order.
type matrixRow struct {
	route   string
	body    string // NAME stands for the object's, NAMESPACE for the project's
	headers []string
	want    [4]int
}

// matrix has every route that requires a user. Each is called on an object of its own.
func matrix(t *testing.T) []matrixRow {
	t.Helper()
	const (
		merge  = "application/merge-patch+json"
		page   = "/deployments/{namespace}/{name}"
		form   = "application/x-www-form-urlencoded"
		chosen = "select=NAMESPACE/NAME"
		one    = "/api/v1/namespaces/{namespace}/npudeploys/{name}"
		mine   = "/api/v1/projects/{name}"
		member = mine + "/members?kind=User&name=ann"
		change = `{"spec": {"model": "org/other"}}`
	)
	return []matrixRow{
		{"GET /", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /devices", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /projects", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /me", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /new-project", "", nil, [4]int{200, 403, 403, 403}},
		{"POST /new-project", "name=page-NAME&hosts=page-NAME.nufi.me&cpu=64", []string{"Content-Type", form}, [4]int{303, 403, 403, 403}},
		{"GET /projects/{name}", "", nil, [4]int{200, 200, 200, 403}},
		{"POST /projects/{name}", "displayName=Other&etag=*", []string{"Content-Type", form}, [4]int{303, 403, 403, 403}},
		{"POST /projects/{name}/members", "kind=User&name=ann&role=Admin", []string{"Content-Type", form}, [4]int{303, 403, 403, 403}},
		{"POST /projects/{name}/members/remove", "kind=User&name=ann", []string{"Content-Type", form}, [4]int{303, 403, 403, 403}},
		{"GET /templates", "", nil, [4]int{200, 200, 200, 200}},
		{"POST /templates/rollouts/{name}/pause", "", []string{"Content-Type", form}, [4]int{404, 404, 404, 404}}, // there is none
		{"POST /templates/rollouts/{name}/resume", "", []string{"Content-Type", form}, [4]int{404, 404, 404, 404}},
		{"POST /templates/rollouts/{name}/retry", "", []string{"Content-Type", form}, [4]int{404, 404, 404, 404}},
		{"POST /templates/rollouts/{name}/abort", "", []string{"Content-Type", form}, [4]int{404, 404, 404, 404}},
		{"POST /templates/check", "", []string{"Content-Type", "multipart/form-data; boundary=x"}, [4]int{400, 400, 400, 400}}, // without a file
		{"GET /new/{namespace}", "", nil, [4]int{200, 200, 403, 403}},
		{"POST /new/{namespace}", "do=save&yaml=metadata: {name: new-NAME}%0Aspec: {model: org/model}", []string{"Content-Type", form}, [4]int{303, 303, 403, 403}},
		{"POST /new/{namespace}/draft", "yaml=metadata: {name: NAME}%0Aspec: {model: org/model, accelerator: {type: atom}}", []string{"Content-Type", form}, [4]int{200, 200, 200, 403}},
		{"POST " + page + "/edit/draft", "yaml=spec: {model: org/other, accelerator: {type: atom}}", []string{"Content-Type", form}, [4]int{200, 200, 200, 403}},
		{"GET " + page + "/edit", "", nil, [4]int{200, 200, 200, 403}},
		{"POST " + page + "/edit", "do=save&etag=*&yaml=spec: {model: org/other}", []string{"Content-Type", form}, [4]int{303, 303, 403, 403}},
		{"GET /live", "", nil, [4]int{200, 200, 200, 200}},
		{"GET " + page, "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + page + "/events", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + page + "/logs", "", nil, [4]int{200, 200, 200, 403}}, // with an error: there are no pods
		{"GET " + page + "/manifests", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + page + "/traffic", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + page + "/spec", "", nil, [4]int{200, 200, 200, 403}},
		{"POST " + page + "/restart", "", []string{"Content-Type", form}, [4]int{303, 303, 403, 403}},
		{"POST " + page + "/update", "", []string{"Content-Type", form}, [4]int{409, 409, 409, 403}}, // its updates are automatic
		{"POST " + page + "/scale", "replicas=2", []string{"Content-Type", form}, [4]int{303, 303, 403, 403}},
		{"POST " + page + "/delete", "confirm=NAME", []string{"Content-Type", form}, [4]int{303, 303, 403, 403}},
		{"POST /selection", "action=scale&" + chosen, []string{"Content-Type", form}, [4]int{200, 200, 403, 403}},
		{"POST /selection/restart", chosen, []string{"Content-Type", form}, [4]int{200, 200, 403, 403}},
		{"POST /selection/scale", "replicas=2&" + chosen, []string{"Content-Type", form}, [4]int{200, 200, 403, 403}},
		{"POST /selection/delete", "confirm=1&" + chosen, []string{"Content-Type", form}, [4]int{200, 200, 403, 403}},
		{"GET /api/v1/me", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/namespaces", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/namespaces/{namespace}/secrets", "", nil, [4]int{501, 403, 403, 403}}, // the server may not list Secrets
		{"PUT /api/v1/namespaces/{namespace}/secrets/{name}", `{"data": {"token": "x"}}`, nil, [4]int{201, 201, 403, 403}},
		{"DELETE /api/v1/namespaces/{namespace}/secrets/{name}", "", nil, [4]int{501, 403, 403, 403}}, // nor delete them
		{"GET /api/v1/namespaces/{namespace}/persistentvolumeclaims", "", nil, [4]int{200, 200, 200, 403}},
		{"POST /api/v1/policy/check", packTemplates(t, "", ""), nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/npudeploys", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/watch/npudeploys", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/namespaces/{namespace}/watch/npudeploys", "", nil, [4]int{200, 200, 200, 403}},
		{"GET /api/v1/catalogue", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/catalogue?namespace=NAMESPACE", "", nil, [4]int{200, 200, 200, 403}},
		{"GET /api/v1/watch/projects", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/watch?topic=npudeploys&topic=projects&topic=devices", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/watch?topic=projects&topic=npudeploys&npudeploys.namespace=NAMESPACE", "", nil, [4]int{200, 200, 200, 403}},
		{"GET /api/v1/devices", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/watch/devices", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/templates", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/namespaces/{namespace}/npudeploys", "", nil, [4]int{200, 200, 200, 403}},
		{"POST /api/v1/namespaces/{namespace}/npudeploys", deployJSON("new-NAME"), nil, [4]int{201, 201, 403, 403}},
		{"POST /api/v1/namespaces/{namespace}/preview", deployJSON("NAME"), nil, [4]int{200, 200, 403, 403}},
		{"POST /api/v1/namespaces/{namespace}/validate", deployJSON("NAME"), nil, [4]int{200, 200, 200, 403}},
		{"GET " + one, "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + one + "/manifests", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + one + "/deletion", "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + one, change, []string{"If-Match", "*"}, [4]int{200, 200, 403, 403}},
		{"PATCH " + one, change, []string{"Content-Type", merge}, [4]int{200, 200, 403, 403}},
		{"DELETE " + one, "", nil, [4]int{202, 202, 403, 403}},
		{"GET " + one + "/pods", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + one + "/traffic", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + one + "/events", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + one + "/logs", "", nil, [4]int{404, 404, 404, 403}}, // there are no pods
		{"GET " + one + "/scale", "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + one + "/scale", `{"replicas": 2}`, nil, [4]int{200, 200, 403, 403}},
		{"POST " + one + "/restart", "", nil, [4]int{200, 200, 403, 403}},
		{"POST " + one + "/update", "", nil, [4]int{409, 409, 409, 403}}, // Its updates are automatic.
		{"GET " + one + "/revisions", "", nil, [4]int{200, 200, 200, 403}},
		{"POST " + one + "/undo?revision=1", "", nil, [4]int{200, 200, 403, 403}}, // It is the current spec.
		{"GET /api/v1/templaterollouts", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/templaterollouts/{name}", "", nil, [4]int{404, 404, 404, 404}}, // there is none
		{"POST /api/v1/templaterollouts/{name}/pause", "", nil, [4]int{404, 404, 404, 404}},
		{"POST /api/v1/templaterollouts/{name}/resume", "", nil, [4]int{404, 404, 404, 404}},
		{"POST /api/v1/templaterollouts/{name}/retry", "", nil, [4]int{404, 404, 404, 404}},
		{"POST /api/v1/templaterollouts/{name}/abort", "", nil, [4]int{404, 404, 404, 404}},
		{"GET /api/v1/templates/diff", "", nil, [4]int{400, 400, 400, 400}}, // without the sets
		{"GET /api/v1/projects", "", nil, [4]int{200, 200, 200, 200}},
		{"POST /api/v1/projects", project("new-NAME"), nil, [4]int{201, 403, 403, 403}},
		{"GET " + mine, "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + mine, `{"spec": {"displayName": "Other"}}`, []string{"If-Match", "*"}, [4]int{200, 403, 403, 403}},
		{"PATCH " + mine, `{"spec": {"quota": null}}`, []string{"Content-Type", merge}, [4]int{200, 403, 403, 403}},
		{"DELETE " + mine, "", nil, [4]int{409, 403, 403, 403}}, // There are NpuDeploys.
		{"GET " + mine + "/deletion", "", nil, [4]int{200, 403, 403, 403}},
		{"GET " + mine + "/quota", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + mine + "/members", "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + member, `{"role": "Admin"}`, nil, [4]int{200, 403, 403, 403}},
		{"DELETE " + member, "", nil, [4]int{202, 403, 403, 403}},
		{"POST /projects/{name}/delete", "confirm=NAMESPACE", []string{"Content-Type", form}, [4]int{303, 403, 403, 403}}, // the last: it deletes the project
	}
}

// oidcFixture is a fixture whose users an identity provider authenticates, and have the roles
// of bundle/rbac as the controller binds them for members.
type oidcFixture struct {
	*fixture

	provider *oidctest.Issuer
	key      oidctest.Key
}

func newOIDCFixture(t *testing.T) *oidcFixture {
	t.Helper()
	key := oidctest.NewKey(t, "one", jose.ES256)
	provider := oidctest.New(t, time.Now(), key)
	authenticator, err := auth.NewOIDC(t.Context(), auth.OIDCOptions{
		Issuer: provider.URL, Audiences: []string{oidctest.Audience}, UsernameClaim: "name", GroupsClaim: "groups",
		UsernamePrefix: "oidc:", GroupsPrefix: "oidc:", Skew: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	th := &oidcFixture{newFixture(t, func(o *api.Options) { o.Authenticator = auth.Chain(authenticator) }), provider, key}
	th.Bind("nufi-project-admin", th.Namespace, "oidc:owner")
	th.Bind("nufi-project-viewer", th.Namespace, "oidc:viewer")
	th.Bind("nufi-project-admin", th.NewNamespace(), "oidc:other")
	th.Bind("cluster-admin", "", "oidc:platform")
	for _, user := range []string{"platform", "owner", "viewer"} {
		th.awaitViewer(th.token(user, nil))
	}
	th.do(th.token("platform", nil), http.MethodPost, "/api/v1/projects", project(th.Namespace)).Want(http.StatusCreated)
	th.Await("the project in the cache", func() bool {
		return th.do(th.token("viewer", nil), http.MethodGet, th.mine(""), "").Status == http.StatusOK
	})
	return th
}

// awaitViewer waits until Kubernetes' authorizer has observed that the user may view.
func (th *oidcFixture) awaitViewer(token string) {
	th.Helper()
	th.Await("an effect of the role binding", func() bool {
		return th.do(token, http.MethodGet, "there", "").Status == http.StatusNotFound
	})
}

// token returns a user's valid token, with changed claims.
func (th *oidcFixture) token(user string, changes map[string]any) string {
	claims := th.provider.Claims(map[string]any{"name": user, "groups": []string{"team"}})
	for name, value := range changes {
		claims[name] = value
	}
	return th.key.Sign(th.t, claims)
}

// try calls a route with an object's name in its path, or the project's.
func (th *oidcFixture) try(c matrixRow, name, token string) apitest.Response {
	method, path, _ := strings.Cut(c.route, " ")
	path = strings.Replace(path, "/projects/{name}", "/projects/{namespace}", 1)
	fill := strings.NewReplacer("{namespace}", th.Namespace, "{name}", name, "NAMESPACE", th.Namespace, "NAME", name)
	return th.do(token, method, fill.Replace(path), fill.Replace(c.body), c.headers...)
}

func TestPermissionsOfEveryRoute(t *testing.T) {
	t.Parallel()
	th := newOIDCFixture(t)
	tokens := map[string]string{}
	users := []string{"platform", "owner", "viewer", "other"}
	th.API.EndStreams() // each ends at once
	for _, user := range users {
		tokens[user] = th.token(user, nil)
	}
	for i, c := range matrix(t) {
		for j, user := range users {
			name := fmt.Sprintf("%s-%d", user, i)
			th.do(tokens["platform"], http.MethodPost, "", deployJSON(name)).Want(http.StatusCreated)
			got := th.try(c, name, tokens[user])
			if got.Status != c.want[j] {
				t.Errorf("%s for %s: %d, want %d: %s", c.route, user, got.Status, c.want[j], got.Body)
			}
			if got.Status == http.StatusForbidden && got.Problem().Missing == nil {
				t.Errorf("%s for %s: the missing permission is not named: %s", c.route, user, got.Body)
			}
			if user == "other" && got.Status < 300 && strings.Contains(string(got.Body), th.Namespace) {
				t.Errorf("%s discloses the project to another: %s", c.route, got.Body)
			}
		}
	}
}

func TestEveryRouteRejectsInvalidCredentials(t *testing.T) {
	t.Parallel()
	th := newOIDCFixture(t)
	stranger := oidctest.NewKey(t, "one", jose.ES256)
	claims := th.provider.Claims(map[string]any{"name": "platform"})
	invalid := map[string]string{
		"without a token":         "",
		"with an expired token":   th.token("platform", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"with another audience":   th.token("platform", map[string]any{"aud": "grafana"}),
		"with a forged signature": stranger.Sign(t, claims),
		"without a signature":     oidctest.Unsigned(t, claims),
	}
	th.do(th.token("platform", nil), http.MethodPost, "", deployJSON("there")).Want(http.StatusCreated)
	tested := map[string]bool{}
	for _, c := range matrix(t) {
		route, _, _ := strings.Cut(c.route, "?")
		tested[route] = true
		for name, token := range invalid {
			got := th.try(c, "there", token)
			if got.Status != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: %d %s", c.route, name, got.Status, got.Body)
			}
		}
	}
	_, private := th.API.Routers()
	for _, route := range walk(t, private) {
		if !tested[route.method+" "+route.path] {
			t.Errorf("%s %s is not in the matrix", route.method, route.path)
		}
	}
}
