package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
)

// thinLine changes options to those of an API with one way to Kubernetes, which cut ends.
func thinLine(t *testing.T) (change func(*api.Options), cut func()) {
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
	known := ownCluster(t, config)
	t.Cleanup(line.Close)
	cut = func() {
		_ = line.Listener.Close() // It is closed once more by line.Close.
		line.CloseClientConnections()
		await(t, "the loss to be noticed", func() bool { return !known.Lost(live.Projects).IsZero() })
	}
	return func(o *api.Options) { o.Users, o.Live = users, known }, cut
}

// ownCluster is known by way of config, and by no other test.
func ownCluster(t *testing.T, config *rest.Config) *live.Cluster {
	t.Helper()
	system, err := kube.NewSystem(config)
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

// Not parallel: a Project that another test makes before the cut is one that nobody was
// asked about.
func TestProjectsAreReadWhileKubernetesIsAwayAndNotWritten(t *testing.T) { //nolint:paralleltest // see above
	change, cut := thinLine(t)
	s := newProjects(t, change)
	for _, person := range []string{"vera", "root"} {
		s.awaitKnown(person)
		for _, path := range []string{"/api/v1/projects", "/api/v1/me"} {
			if got := s.ask(person, http.MethodGet, path, "").want(t, http.StatusOK); got.header.Get("Warning") != "" || got.header.Get("Age") != "" {
				t.Errorf("%s is stale while all is well", path)
			}
		}
	}
	cut()
	for _, person := range []string{"vera", "root"} {
		for _, path := range []string{s.mine(""), s.mine("/members"), "/api/v1/projects", "/api/v1/me"} {
			got := s.ask(person, http.MethodGet, path, "").want(t, http.StatusOK)
			if got.header.Get("Warning") != `110 - "Response is Stale"` || got.header.Get("Age") == "" {
				t.Errorf("%s as %s: Warning is %q and Age %q", path, person, got.header.Get("Warning"), got.header.Get("Age"))
			}
		}
	}
	// Who was not asked about is told nothing.
	s.ask("mallory", http.MethodGet, s.mine(""), "").want(t, http.StatusServiceUnavailable)
	if got := s.ask("mallory", http.MethodGet, "/api/v1/me", "").want(t, http.StatusOK).json(t); got["name"] == nil || got["projects"] != nil {
		t.Errorf("a stranger is told %v", got)
	}
	merge := []string{"Content-Type", "application/merge-patch+json"}
	for _, call := range []tried{
		{http.MethodPost, "/api/v1/projects", project(s.namespace + "-b"), nil, "", false},
		{http.MethodPut, s.mine(""), project(s.namespace), []string{"If-Match", "*"}, "", false},
		{http.MethodPatch, s.mine(""), `{}`, merge, "", false},
		{http.MethodDelete, s.mine(""), "", nil, "", false},
		{http.MethodDelete, s.mine("?confirm=" + s.namespace), "", nil, "", false},
		{http.MethodPut, s.member("User", "a"), `{"role": "Admin"}`, nil, "", false},
		{http.MethodDelete, s.member("User", "a"), "", nil, "", false},
		{http.MethodGet, s.mine("/quota"), "", nil, "", false},
	} {
		got := s.ask("root", call.method, call.path, call.body, call.headers...).want(t, http.StatusServiceUnavailable)
		if got.problem(t); got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s has no Retry-After", call.method, call.path)
		}
	}
}
