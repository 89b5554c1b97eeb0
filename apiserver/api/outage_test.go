package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// newProxy makes the API reach Kubernetes only through a proxy, which cut closes.
func newProxy(t *testing.T) (change func(*api.Options), cut func()) {
	t.Helper()
	h := harness.New(t, harness.ReserveNamespace())
	admin, config := h.Config(), h.APIServerConfig()
	target, err := url.Parse(admin.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(admin))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport, FlushInterval: -1,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	config.Host, config.TLSClientConfig = proxy.URL, rest.TLSClientConfig{}
	users, err := kube.NewUserClients(config)
	if err != nil {
		t.Fatal(err)
	}
	cache := apitest.NewCache(h, config)
	t.Cleanup(proxy.Close)
	cut = func() {
		_ = proxy.Listener.Close() // It is closed once more by proxy.Close.
		proxy.CloseClientConnections()
		h.Await("the cache to be unreachable", func() bool { return !cache.UnreachableSince(live.Projects).IsZero() })
	}
	return func(o *api.Options) { o.Users, o.Live = users, cache }, cut
}

func TestProjectsAreReadOnlyWhileKubernetesIsUnreachable(t *testing.T) {
	t.Parallel()
	change, cut := newProxy(t)
	s := newProjects(t, change)
	for _, user := range []string{"vera", "root"} {
		s.awaitProject(user)
		for _, path := range []string{"/api/v1/projects", "/api/v1/me"} {
			if got := s.do(user, http.MethodGet, path, "").Want(http.StatusOK); got.Header.Get("Warning") != "" || got.Header.Get("Age") != "" {
				t.Errorf("%s is stale while Kubernetes is reachable", path)
			}
		}
	}
	cut()
	for _, user := range []string{"vera", "root"} {
		for _, path := range []string{s.mine(""), s.mine("/members"), "/api/v1/projects", "/api/v1/me"} {
			got := s.do(user, http.MethodGet, path, "").Want(http.StatusOK)
			if got.Header.Get("Warning") != `110 - "Response is Stale"` || got.Header.Get("Age") == "" {
				t.Errorf("%s as %s: Warning is %q and Age %q", path, user, got.Header.Get("Warning"), got.Header.Get("Age"))
			}
		}
	}
	// Without a review there is no access.
	s.do("mallory", http.MethodGet, s.mine(""), "").Want(http.StatusServiceUnavailable)
	if got := s.do("mallory", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK).JSON(); got["name"] == nil || got["projects"] != nil {
		t.Errorf("a stranger gets %v", got)
	}
	merge := []string{"Content-Type", "application/merge-patch+json"}
	for _, call := range []call{
		{http.MethodPost, "/api/v1/projects", project(s.Namespace + "-b"), nil, "", false},
		{http.MethodPut, s.mine(""), project(s.Namespace), []string{"If-Match", "*"}, "", false},
		{http.MethodPatch, s.mine(""), `{}`, merge, "", false},
		{http.MethodDelete, s.mine(""), "", nil, "", false},
		{http.MethodDelete, s.mine("?confirm=" + s.Namespace), "", nil, "", false},
		{http.MethodPut, s.member("User", "a"), `{"role": "Admin"}`, nil, "", false},
		{http.MethodDelete, s.member("User", "a"), "", nil, "", false},
		{http.MethodGet, s.mine("/quota"), "", nil, "", false},
	} {
		got := s.do("root", call.method, call.path, call.body, call.headers...).Want(http.StatusServiceUnavailable)
		if got.Problem(); got.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s has no Retry-After", call.method, call.path)
		}
	}
}

// The list also omits the objects of other tests.
func TestUnreviewedNamespacesAreOmittedWhileKubernetesIsUnreachable(t *testing.T) {
	t.Parallel()
	var cache *live.Cache
	change, cut := newProxy(t)
	s := newProjects(t, change, func(o *api.Options) { cache = o.Live })
	s.do("eve", http.MethodPost, "", deployJSON("a")).Want(http.StatusCreated)
	s.awaitProject("vera")
	s.Await("vera to list the NpuDeploy", func() bool {
		return slices.Equal(names(t, s.do("vera", http.MethodGet, "/api/v1/npudeploys", "").Want(http.StatusOK)), []string{"a"})
	})
	paths := []string{"/api/v1/npudeploys", "/api/v1/projects", "/api/v1/me", "/api/v1/devices"}
	for _, path := range paths {
		if got := s.do("vera", http.MethodGet, path, "").Want(http.StatusOK); got.Header.Values("Warning") != nil {
			t.Errorf("%s: Warning is %v while Kubernetes is reachable", path, got.Header.Values("Warning"))
		}
	}
	watch := s.watch("vera", watchAll)
	if first, _ := watch.next(); first.name != "RESET" {
		t.Errorf("a watch begins with %v", first)
	}
	watch.cut()
	s.Await("the watch to end", func() bool { return s.gauge("nufi_apiserver_streams") == 0 })
	elsewhere := harness.New(t)
	elsewhere.Apply(`{"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": {"name": "b"}, "spec": {"model": "a/b"}}`)
	s.do("root", http.MethodPost, "/api/v1/projects", project(elsewhere.Namespace)).Want(http.StatusCreated)
	s.Await("the other project in the cache", func() bool {
		deploys, _ := cache.Deploys().Snapshot()
		return len(deploys.ListAfter(elsewhere.Namespace, live.Key{})) == 1 &&
			cache.Reader().Get(t.Context(), client.ObjectKey{Name: elsewhere.Namespace}, &v1.Project{}) == nil
	})
	cut()
	for _, path := range paths {
		got := s.do("vera", http.MethodGet, path, "").Want(http.StatusOK)
		if want := []string{`110 - "Response is Stale"`, `199 - "Response is Incomplete"`}; !slices.Equal(got.Header.Values("Warning"), want) {
			t.Errorf("%s: Warning is %v, want %v", path, got.Header.Values("Warning"), want)
		}
		if text := string(got.Body); strings.Contains(text, elsewhere.Namespace) || path != "/api/v1/devices" && !strings.Contains(text, s.Namespace) {
			t.Errorf("%s: %s", path, text)
		}
	}
	for _, path := range []string{"/api/v1/npudeploys", "/api/v1/projects"} {
		s.do("mallory", http.MethodGet, path, "").Want(http.StatusServiceUnavailable)
	}
	// A watch would never send what it omits.
	if only, _ := s.watch("vera", watchAll).next(); only.name != "end" || !strings.Contains(only.data, `"status":503`) {
		t.Errorf("a watch begins with %v", only)
	}
	// A check must be complete.
	s.do("vera", http.MethodGet, "/api/v1/templates", "").Want(http.StatusServiceUnavailable)
}
