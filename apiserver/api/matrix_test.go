package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/issuer"
)

// cell is one route, with a query if it needs one, and how it answers who may do
// everything, the project's admin, its viewer, and the admin of another project.
type cell struct {
	route   string
	body    string // NAME stands for the object's, NAMESPACE for the project's
	headers []string
	want    [4]int
}

// matrix has every route that is not open to everybody, each tried on an object of its own.
func matrix(t *testing.T) []cell {
	t.Helper()
	const (
		merge  = "application/merge-patch+json"
		one    = "/api/v1/namespaces/{namespace}/npudeploys/{name}"
		mine   = "/api/v1/projects/{name}"
		member = mine + "/members?kind=User&name=ann"
		change = `{"spec": {"model": "org/other"}}`
	)
	return []cell{
		{"GET /api/v1/me", "", nil, [4]int{200, 200, 200, 200}},
		{"POST /api/v1/policy/check", packed(t, "", ""), nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/npudeploys", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/watch/npudeploys", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/namespaces/{namespace}/watch/npudeploys", "", nil, [4]int{200, 200, 200, 403}},
		{"GET /api/v1/catalogue", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/catalogue?namespace=NAMESPACE", "", nil, [4]int{200, 200, 200, 403}},
		{"GET /api/v1/devices", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/watch/devices", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/templates", "", nil, [4]int{200, 200, 200, 200}},
		{"GET /api/v1/namespaces/{namespace}/npudeploys", "", nil, [4]int{200, 200, 200, 403}},
		{"POST /api/v1/namespaces/{namespace}/npudeploys", short("new-NAME"), nil, [4]int{201, 201, 403, 403}},
		{"POST /api/v1/namespaces/{namespace}/preview", short("NAME"), nil, [4]int{200, 200, 403, 403}},
		{"GET " + one, "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + one, change, []string{"If-Match", "*"}, [4]int{200, 200, 403, 403}},
		{"PATCH " + one, change, []string{"Content-Type", merge}, [4]int{200, 200, 403, 403}},
		{"DELETE " + one, "", nil, [4]int{202, 202, 403, 403}},
		{"GET " + one + "/pods", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + one + "/events", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + one + "/logs", "", nil, [4]int{404, 404, 404, 403}}, // there are no pods
		{"GET " + one + "/scale", "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + one + "/scale", `{"replicas": 2}`, nil, [4]int{200, 200, 403, 403}},
		{"POST " + one + "/restart", "", nil, [4]int{200, 200, 403, 403}},
		{"GET /api/v1/projects", "", nil, [4]int{200, 200, 200, 200}},
		{"POST /api/v1/projects", project("new-NAME"), nil, [4]int{201, 403, 403, 403}},
		{"GET " + mine, "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + mine, `{"spec": {"displayName": "Other"}}`, []string{"If-Match", "*"}, [4]int{200, 403, 403, 403}},
		{"PATCH " + mine, `{"spec": {"quota": null}}`, []string{"Content-Type", merge}, [4]int{200, 403, 403, 403}},
		{"DELETE " + mine, "", nil, [4]int{409, 403, 403, 403}}, // There are NpuDeploys.
		{"GET " + mine + "/quota", "", nil, [4]int{200, 200, 200, 403}},
		{"GET " + mine + "/members", "", nil, [4]int{200, 200, 200, 403}},
		{"PUT " + member, `{"role": "Admin"}`, nil, [4]int{200, 403, 403, 403}},
		{"DELETE " + member, "", nil, [4]int{202, 403, 403, 403}},
	}
}

// theatre is a stage where an identity provider says who somebody is, and where the roles
// of bundle/rbac are given as the controller gives them to members.
type theatre struct {
	*stage

	provider *issuer.Issuer
	key      issuer.Key
}

func newTheatre(t *testing.T) *theatre {
	t.Helper()
	key := issuer.NewKey(t, "one", jose.ES256)
	provider := issuer.New(t, time.Now(), key)
	believed, err := auth.NewOIDC(t.Context(), auth.OIDCOptions{
		Issuer: provider.URL, Audiences: []string{issuer.Audience}, UsernameClaim: "name", GroupsClaim: "groups",
		UsernamePrefix: "oidc:", GroupsPrefix: "oidc:", Skew: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	th := &theatre{newStage(t, func(o *api.Options) { o.Authenticator = auth.Chain(believed) }), provider, key}
	th.bindIn(th.namespace, "nufi-project-admin", "owner")
	th.bindIn(th.namespace, "nufi-project-viewer", "viewer")
	th.bindIn(control.Namespace(t), "nufi-project-admin", "other")
	th.bindIn("", "cluster-admin", "platform")
	for _, person := range []string{"platform", "owner", "viewer"} {
		th.awaitRights(th.token(person, nil))
	}
	th.ask(th.token("platform", nil), http.MethodPost, "/api/v1/projects", project(th.namespace)).want(t, http.StatusCreated)
	await(t, "the server to know the project", func() bool {
		return th.ask(th.token("viewer", nil), http.MethodGet, th.mine(""), "").status == http.StatusOK
	})
	return th
}

// awaitRights waits until Kubernetes' API server knows that the person may look.
func (th *theatre) awaitRights(token string) {
	th.t.Helper()
	for end := time.Now().Add(30 * time.Second); th.ask(token, http.MethodGet, "there", "").status != http.StatusNotFound; {
		if time.Now().After(end) {
			th.t.Fatal("what was granted is refused")
		}
	}
}

// bindIn gives a role in a namespace, or everywhere if it is empty, to a person of the
// provider's.
func (th *theatre) bindIn(namespace, role, person string) {
	th.t.Helper()
	admin, err := kubernetes.NewForConfig(control.Config(th.t))
	if err != nil {
		th.t.Fatal(err)
	}
	meta := metav1.ObjectMeta{GenerateName: "matrix-"}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "oidc:" + person}}
	if namespace == "" {
		_, err = admin.RbacV1().ClusterRoleBindings().Create(th.t.Context(),
			&rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}, metav1.CreateOptions{})
	} else {
		_, err = admin.RbacV1().RoleBindings(namespace).Create(th.t.Context(),
			&rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}, metav1.CreateOptions{})
	}
	if err != nil {
		th.t.Fatal(err)
	}
}

// token is a person's, good but for the changes.
func (th *theatre) token(person string, changes map[string]any) string {
	claims := th.provider.Claims(map[string]any{"name": person, "groups": []string{"people"}})
	for name, value := range changes {
		claims[name] = value
	}
	return th.key.Sign(th.t, claims)
}

// try asks for a route with an object's name in it, or the one project's.
func (th *theatre) try(c cell, name, token string) reply {
	method, path, _ := strings.Cut(c.route, " ")
	path = strings.Replace(path, "/projects/{name}", "/projects/{namespace}", 1)
	fill := strings.NewReplacer("{namespace}", th.namespace, "{name}", name, "NAMESPACE", th.namespace, "NAME", name)
	return th.ask(token, method, fill.Replace(path), fill.Replace(c.body), c.headers...)
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	tokens := map[string]string{}
	persons := []string{"platform", "owner", "viewer", "other"}
	th.api.EndStreams() // each ends at once
	for _, person := range persons {
		tokens[person] = th.token(person, nil)
	}
	for i, c := range matrix(t) {
		for j, person := range persons {
			name := fmt.Sprintf("%s-%d", person, i)
			th.ask(tokens["platform"], http.MethodPost, "", short(name)).want(t, http.StatusCreated)
			got := th.try(c, name, tokens[person])
			if got.status != c.want[j] {
				t.Errorf("%s for %s: %d, want %d: %s", c.route, person, got.status, c.want[j], got.body)
			}
			if got.status == http.StatusForbidden && got.problem(t).Missing == nil {
				t.Errorf("%s for %s: nothing says what is missing: %s", c.route, person, got.body)
			}
			if person == "other" && got.status < 300 && strings.Contains(string(got.body), th.namespace) {
				t.Errorf("%s tells another of the project: %s", c.route, got.body)
			}
		}
	}
}

func TestNoRouteIsForSomebodyWhoIsNotBelieved(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	stranger := issuer.NewKey(t, "one", jose.ES256)
	claims := th.provider.Claims(map[string]any{"name": "platform"})
	refused := map[string]string{
		"nobody":                    "",
		"whose token has expired":   th.token("platform", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"whose token is for others": th.token("platform", map[string]any{"aud": "grafana"}),
		"who signs by themselves":   stranger.Sign(t, claims),
		"who does not sign":         issuer.Unsigned(t, claims),
	}
	th.ask(th.token("platform", nil), http.MethodPost, "", short("there")).want(t, http.StatusCreated)
	known := map[string]bool{}
	for _, c := range matrix(t) {
		route, _, _ := strings.Cut(c.route, "?")
		known[route] = true
		for who, token := range refused {
			got := th.try(c, "there", token)
			if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s for one %s: %d %s", c.route, who, got.status, got.body)
			}
		}
	}
	_, private := th.api.Routers()
	for _, route := range walk(t, private) {
		if !known[route.method+" "+route.path] {
			t.Errorf("%s %s is not in the matrix", route.method, route.path)
		}
	}
}
