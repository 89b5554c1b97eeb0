package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

func TestDashboardListsOnlyVisibleDeployments(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("shown-on-the-page")
	row := ">shown-on-the-page<"
	page := func(user string) string {
		return string(s.do(user, http.MethodGet, "/?project="+s.Namespace, "").Want(http.StatusOK).Body)
	}
	s.Await("the deployment on the page", func() bool { return strings.Contains(page("vic"), row) })
	if beyond := s.do("vic", http.MethodGet, "/?page=9&project="+s.Namespace, "").Want(http.StatusOK); !strings.Contains(string(beyond.Body), row) {
		t.Error("a page beyond the end does not show the last one")
	}
	if strings.Contains(page("bob"), row) {
		t.Error("a user without rights sees the deployment")
	}
	s.do("ann", http.MethodGet, "/?sort=nothing", "").Want(http.StatusBadRequest).Problem()
	s.do("ann", http.MethodGet, "/?page=0", "").Want(http.StatusBadRequest).Problem()
}

func TestBrowserGetsEachErrorAsAPage(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Authenticator = named("ann", "bob", "root") })
	s.Bind("nufi-edit", "", "root")
	s.AwaitAllowed(harness.User{Name: "root"}, "create dudaji.com/npudeploys", "")
	asBrowser := []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}
	for name, test := range map[string]struct {
		user, method, path string
		status             int
		want               string
	}{
		"no such path":           {"ann", http.MethodGet, "/nothing", 404, "there is nothing at this path"},
		"an encoded slash":       {"ann", http.MethodGet, "/deployments%2Fa", 404, "there is nothing at this path"},
		"no such parameter":      {"ann", http.MethodGet, "/devices?nothing=1", 400, `href="/devices?lang=en"`},
		"an invalid parameter":   {"ann", http.MethodGet, "/?sort=nothing", 400, `href="/?lang=en"`},
		"an invalid query":       {"ann", http.MethodGet, "/projects?a=%zz", 400, `href="/projects?lang=en"`},
		"a form that is visited": {"ann", http.MethodGet, "/selection", 405, "the path takes POST"},
		"no credentials":         {"", http.MethodGet, "/devices", 401, "log in, or send a bearer token"},
		"no such deployment":     {"ann", http.MethodGet, "/deployments/" + s.Namespace + "/nothing", 404, "NpuDeploy nothing does not exist"},
		"no such namespace":      {"root", http.MethodGet, "/new/nothing", 404, "namespace nothing does not exist"},
		"no permission":          {"bob", http.MethodGet, "/deployments/" + s.Namespace + "/nothing", 403, "get npudeploys.dudaji.com"},
		"a form of no action":    {"ann", http.MethodPost, "/selection", 400, "action must be one of restart"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.do(test.user, test.method, test.path, "", asBrowser...).Want(test.status)
			if page := string(got.Body); got.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(page, test.want) || !strings.Contains(page, `href="/?lang=en">Deployments`) {
				t.Errorf("the response is %s", page)
			}
			s.do(test.user, test.method, test.path, "").Want(test.status).Problem()
		})
	}
	s.do("ann", http.MethodGet, "/api/v1/nothing", "", asBrowser...).Want(http.StatusNotFound).Problem()
}

func TestFailedLoginIsAPageOfTheDashboard(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) {
		var err error
		o.Login, err = auth.NewLogin(&auth.OIDC{}, &auth.Sessions{}, auth.LoginOptions{RedirectURL: "https://nufi.example/login/callback", Fail: problem.WriteStatus})
		if err != nil {
			t.Fatal(err)
		}
	})
	const callback = "/login/callback?code=secret&state=other"
	failed := s.Do("", http.MethodGet, callback, "", "Accept", "text/html", "Accept-Language", "ko").Want(http.StatusBadRequest)
	page := string(failed.Body)
	for _, want := range []string{`href="/login?return=%2F">로그인`, "was not started by this browser", failed.Header.Get("X-Request-Id")} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s: %s", want, page)
		}
	}
	if got := failed.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("the policy is %q", got)
	}
	if strings.Contains(page, "secret") {
		t.Errorf("a link of the page repeats the callback: %s", page)
	}
	s.Do("", http.MethodGet, callback, "").Want(http.StatusBadRequest).Problem()
	loggedOut := s.Do("", http.MethodGet, "/logout", "", "Accept", "text/html").Want(http.StatusOK)
	if text := string(loggedOut.Body); !strings.Contains(text, "<h1>Logged out</h1>") || !strings.Contains(text, `href="/login"`) || loggedOut.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("after a logout, the page is %s", text)
	}
}

func TestDashboardSendsSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	page := s.do("vic", http.MethodGet, "/", "").Want(http.StatusOK)
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	policies := page.Header.Values("Content-Security-Policy")
	if len(policies) != 1 || !strings.HasPrefix(policies[0], "default-src 'none'; script-src 'self'; style-src 'self';") || !strings.Contains(policies[0], "frame-ancestors 'none'") {
		t.Errorf("the policies are %q", policies)
	}
	style := regexp.MustCompile(`/assets/[0-9a-f]{16}-style\.css`).FindString(string(page.Body))
	asset := s.do("", http.MethodGet, style, "").Want(http.StatusOK)
	if got := asset.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control is %q", got)
	}
	s.do("", http.MethodGet, "/assets/other.css", "").Want(http.StatusNotFound).Problem()
}

func TestFormsOfADeployment(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("draft")
	page := "/deployments/" + s.Namespace + "/draft"
	post := func(user, form, body string, headers ...string) apitest.Response {
		return s.do(user, http.MethodPost, page+form, body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
	}
	asBrowser := []string{"Accept", "text/html", "Sec-Fetch-Site", "same-origin"}
	failed := string(post("ann", "/delete", "confirm=other", asBrowser...).Want(http.StatusUnprocessableEntity).Body)
	if !strings.Contains(failed, "type the name draft") || !strings.Contains(failed, "<h1>draft</h1>") {
		t.Error(failed)
	}
	post("ann", "/scale", "replicas=-1").Want(http.StatusUnprocessableEntity).Problem()
	post("ann", "/restart", "", "Sec-Fetch-Site", "cross-site").Want(http.StatusForbidden)
	forbidden := string(post("vic", "/restart", "", asBrowser...).Want(http.StatusForbidden).Body)
	if !strings.Contains(forbidden, "patch npudeploys.dudaji.com") {
		t.Error(forbidden)
	}
	if location := post("ann", "/restart", "", asBrowser...).Want(http.StatusSeeOther).Header.Get("Location"); location != page+"?done=restart&lang=en" {
		t.Errorf("the location is %s", location)
	}
	s.Await("the change in the audit log", func() bool {
		return strings.Contains(s.Log.String(), `"change":"restart"`) && strings.Contains(s.Log.String(), `"route":"/deployments/{namespace}/{name}/restart"`)
	})
	for _, form := range []string{page + "/restart", page + "/scale", page + "/edit", page + "/edit/draft", "/selection/restart", "/selection"} {
		for _, media := range []string{"application/json", "multipart/form-data; boundary=x"} {
			s.do("ann", http.MethodPost, form, "{}", "Content-Type", media).Want(http.StatusUnsupportedMediaType)
		}
	}
	const digest = "sha256:0000000000fe" // No other test has it.
	s.do("ann", http.MethodPatch, "draft", `{"spec": {"updates": "Manual"}}`, "Content-Type", "application/merge-patch+json").Want(http.StatusOK)
	if text := string(s.do("ann", http.MethodGet, page, "").Want(http.StatusOK).Body); strings.Contains(text, `id="update"`) {
		t.Errorf("without an update the page is %s", text)
	}
	kubectl(s, "", "patch", "npudeploy", "draft", "--subresource=status", "--type=merge", "-p", `{"status": {"replicas": 0, "readyReplicas": 0,
		"update": {"templates": "`+digest+`", "effect": "Restart"}, "conditions": [
			{"type": "UpdateAvailable", "status": "True", "reason": "UpdateRestarts", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}}`)
	dialog := func(user string) string {
		text := string(s.do(user, http.MethodGet, page, "").Want(http.StatusOK).Body)
		_, after, _ := strings.Cut(text, `<div id="update"`)
		dialog, _, _ := strings.Cut(after, `<div id="restart"`)
		return dialog
	}
	if text := dialog("ann"); !strings.Contains(text, digest) || !strings.Contains(text, "Pods are replaced") || !strings.Contains(text, page+"/update?lang=en") {
		t.Errorf("the update is %s", text)
	}
	if text := dialog("vic"); !strings.Contains(text, "patch npudeploys.dudaji.com") || strings.Contains(text, "<form") {
		t.Errorf("the update of a viewer is %s", text)
	}
	post("vic", "/update", "", asBrowser...).Want(http.StatusForbidden)
	if location := post("ann", "/update", "", asBrowser...).Want(http.StatusSeeOther).Header.Get("Location"); location != page+"?done=update&lang=en" {
		t.Errorf("the location is %s", location)
	}
	updated := s.do("ann", http.MethodGet, "draft", "").Want(http.StatusOK)
	if got := field(t, updated, "metadata", "annotations", v1.AnnotationUpdateTo); got != digest {
		t.Errorf("the request is %v", got)
	}
	post("ann", "/delete", "confirm=draft", asBrowser...).Want(http.StatusSeeOther)
}

func TestErrorsArePagesForBrowsersAndProblemsForOthers(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	missing := "/deployments/" + s.Namespace + "/missing"
	page := s.do("ann", http.MethodGet, missing, "", "Accept", "text/html").Want(http.StatusNotFound)
	if got := string(page.Body); !strings.Contains(got, "NpuDeploy missing does not exist") || !strings.Contains(got, page.Header.Get("X-Request-Id")) {
		t.Error(got)
	}
	if got := s.do("ann", http.MethodGet, missing, "").Want(http.StatusNotFound).Problem(); got.Detail == "" {
		t.Errorf("%+v", got)
	}
}
