package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// newProxy makes the API reach Kubernetes only through a proxy, which cut closes.
func newProxy(t *testing.T) (change func(*api.Options), cut func()) {
	t.Helper()
	admin, config := control.Config(t), serverConfig(t)
	target, err := url.Parse(admin.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(admin))
	if err != nil {
		t.Fatal(err)
	}
	line := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport, FlushInterval: -1,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	config.Host, config.TLSClientConfig = line.URL, rest.TLSClientConfig{}
	users, err := kube.NewUsers(config)
	if err != nil {
		t.Fatal(err)
	}
	known := newCache(t, config)
	t.Cleanup(line.Close)
	cut = func() {
		_ = line.Listener.Close() // It is closed once more by line.Close.
		line.CloseClientConnections()
		await(t, "the cache to be unreachable", func() bool { return !known.UnreachableSince(live.Projects).IsZero() })
	}
	return func(o *api.Options) { o.Users, o.Live = users, known }, cut
}

// newCache returns a cache that no other test uses.
func newCache(t *testing.T, config *rest.Config) *live.Cache {
	t.Helper()
	system, err := kube.NewSystemClient(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	known, err := live.New(ctx, system, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- known.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return known
}

func TestProjectsAreReadOnlyWhileKubernetesIsUnreachable(t *testing.T) {
	t.Parallel()
	change, cut := newProxy(t)
	s := newProjects(t, change)
	for _, user := range []string{"vera", "root"} {
		s.awaitProject(user)
		for _, path := range []string{"/api/v1/projects", "/api/v1/me"} {
			if got := s.ask(user, http.MethodGet, path, "").wantStatus(t, http.StatusOK); got.header.Get("Warning") != "" || got.header.Get("Age") != "" {
				t.Errorf("%s is stale while Kubernetes is reachable", path)
			}
		}
	}
	cut()
	for _, user := range []string{"vera", "root"} {
		for _, path := range []string{s.mine(""), s.mine("/members"), "/api/v1/projects", "/api/v1/me"} {
			got := s.ask(user, http.MethodGet, path, "").wantStatus(t, http.StatusOK)
			if got.header.Get("Warning") != `110 - "Response is Stale"` || got.header.Get("Age") == "" {
				t.Errorf("%s as %s: Warning is %q and Age %q", path, user, got.header.Get("Warning"), got.header.Get("Age"))
			}
		}
	}
	// Without a review there is no access.
	s.ask("mallory", http.MethodGet, s.mine(""), "").wantStatus(t, http.StatusServiceUnavailable)
	if got := s.ask("mallory", http.MethodGet, "/api/v1/me", "").wantStatus(t, http.StatusOK).json(t); got["name"] == nil || got["projects"] != nil {
		t.Errorf("a stranger gets %v", got)
	}
	merge := []string{"Content-Type", "application/merge-patch+json"}
	for _, call := range []call{
		{http.MethodPost, "/api/v1/projects", project(s.namespace + "-b"), nil, "", false},
		{http.MethodPut, s.mine(""), project(s.namespace), []string{"If-Match", "*"}, "", false},
		{http.MethodPatch, s.mine(""), `{}`, merge, "", false},
		{http.MethodDelete, s.mine(""), "", nil, "", false},
		{http.MethodDelete, s.mine("?confirm=" + s.namespace), "", nil, "", false},
		{http.MethodPut, s.member("User", "a"), `{"role": "Admin"}`, nil, "", false},
		{http.MethodDelete, s.member("User", "a"), "", nil, "", false},
		{http.MethodGet, s.mine("/quota"), "", nil, "", false},
	} {
		got := s.ask("root", call.method, call.path, call.body, call.headers...).wantStatus(t, http.StatusServiceUnavailable)
		if got.problem(t); got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s has no Retry-After", call.method, call.path)
		}
	}
}

// Objects of other tests are omitted, too.
func TestUnreviewedNamespacesAreOmittedWhileKubernetesIsUnreachable(t *testing.T) {
	t.Parallel()
	var known *live.Cache
	change, cut := newProxy(t)
	s := newProjects(t, change, func(o *api.Options) { known = o.Live })
	s.ask("eve", http.MethodPost, "", deployJSON("a")).wantStatus(t, http.StatusCreated)
	s.awaitProject("vera")
	await(t, "vera to list the NpuDeploy", func() bool {
		return slices.Equal(names(t, s.ask("vera", http.MethodGet, "/api/v1/npudeploys", "").wantStatus(t, http.StatusOK)), []string{"a"})
	})
	paths := []string{"/api/v1/npudeploys", "/api/v1/projects", "/api/v1/me", "/api/v1/devices"}
	for _, path := range paths {
		if got := s.ask("vera", http.MethodGet, path, "").wantStatus(t, http.StatusOK); got.header.Values("Warning") != nil {
			t.Errorf("%s: Warning is %v while Kubernetes is reachable", path, got.header.Values("Warning"))
		}
	}
	watch := s.watch("vera", watchAll)
	if first, _ := watch.next(); first.name != "RESET" {
		t.Errorf("a watch begins with %v", first)
	}
	watch.cut()
	await(t, "the watch to end", func() bool { return s.gauge("nufi_apiserver_streams") == 0 })
	elsewhere := &fixture{t: t, namespace: control.Namespace(t)}
	kubectl(t, elsewhere, `{"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": {"name": "b"}, "spec": {"model": "a/b"}}`, "create", "-f", "-")
	s.ask("root", http.MethodPost, "/api/v1/projects", project(elsewhere.namespace)).wantStatus(t, http.StatusCreated)
	await(t, "the other project in the cache", func() bool {
		deploys, _ := known.Deploys().Snapshot()
		return len(deploys.ListAfter(elsewhere.namespace, live.Key{})) == 1 &&
			known.Reader().Get(t.Context(), client.ObjectKey{Name: elsewhere.namespace}, &v1.Project{}) == nil
	})
	cut()
	for _, path := range paths {
		got := s.ask("vera", http.MethodGet, path, "").wantStatus(t, http.StatusOK)
		if want := []string{`110 - "Response is Stale"`, `199 - "Response is Incomplete"`}; !slices.Equal(got.header.Values("Warning"), want) {
			t.Errorf("%s: Warning is %v, want %v", path, got.header.Values("Warning"), want)
		}
		if text := string(got.body); strings.Contains(text, elsewhere.namespace) || path != "/api/v1/devices" && !strings.Contains(text, s.namespace) {
			t.Errorf("%s: %s", path, text)
		}
	}
	for _, path := range []string{"/api/v1/npudeploys", "/api/v1/projects"} {
		s.ask("mallory", http.MethodGet, path, "").wantStatus(t, http.StatusServiceUnavailable)
	}
	// A watch would never send what it omits.
	if only, _ := s.watch("vera", watchAll).next(); only.name != "end" || !strings.Contains(only.data, `"status":503`) {
		t.Errorf("a watch begins with %v", only)
	}
	// A check must be complete.
	s.ask("vera", http.MethodGet, "/api/v1/templates", "").wantStatus(t, http.StatusServiceUnavailable)
}
