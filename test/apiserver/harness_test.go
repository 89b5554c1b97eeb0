// Package apiserver_test runs the API server's handler, with the rights that bundle/ gives
// it and no others, while Kubernetes' API server comes and goes, and measures it.
package apiserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New()

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

// named believes that everybody is who they say in their bearer token.
type named struct{}

func (named) Authenticate(r *http.Request) (auth.User, error) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return auth.User{}, auth.ErrNoCredentials
	}
	return auth.NewUser(name, nil)
}

// served is an API server that ends with the test.
type served struct {
	testing.TB

	url    string
	client *http.Client
}

func serve(tb testing.TB, change func(*api.Options)) *served {
	tb.Helper()
	config := ownConfig(tb)
	users, err := kube.NewUsers(config)
	must(tb, err)
	system, err := kube.NewSystemClient(config)
	must(tb, err)
	store, err := templates.Open("", templates.Hooks{})
	must(tb, err)
	known, err := live.New(tb.Context(), system, time.Now)
	must(tb, err)
	options := api.Options{
		Authenticator: named{}, Users: users, Templates: store.Serving, TemplateState: store.State, Live: known,
		Devices: devices.NewStore(known, func() *render.Catalogue { return store.Serving().Catalogue }, nil),
		Log:     logr.Discard(), Registry: prometheus.NewRegistry(), Clock: time.Now, Limits: api.DefaultLimits(),
	}
	change(&options)
	handler, err := api.New(options)
	must(tb, err)
	server := httptest.NewServer(handler)
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- known.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, ReadBufferSize: 64 << 10}}
	tb.Cleanup(func() {
		client.CloseIdleConnections()
		handler.EndStreams()
		server.Close()
		stop()
		must(tb, <-ended)
	})
	await(tb, "the cluster to be known", known.Ready)
	return &served{tb, server.URL, client}
}

// ownConfig is the access of the server's own service account.
func ownConfig(tb testing.TB) *rest.Config {
	tb.Helper()
	root, err := cluster.Checkout(".")
	must(tb, err)
	for _, file := range []string{
		"namespace.yaml", "apiserver/service_account.yaml", "apiserver/role.yaml", "apiserver/role_binding.yaml", "rbac/user_roles.yaml",
	} {
		must(tb, control.Cluster(tb).Apply(tb.Context(), filepath.Join(root, "bundle", file)))
	}
	config := rest.AnonymousClientConfig(control.Config(tb))
	config.BearerToken = strings.TrimSpace(kubectl(tb, "create", "token", "nufi-apiserver", "-n", "nufi-system"))
	config.QPS = -1
	return config
}

func kubectl(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := control.Cluster(tb).Kubectl(tb.Context(), args...)
	must(tb, err)
	return out
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// await looks until it is so.
func await(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatal("waited in vain for ", what)
		}
	}
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) stale() bool { return r.header.Get("Warning") != "" }

func (r reply) metadata(tb testing.TB) map[string]any {
	tb.Helper()
	var object struct{ Metadata map[string]any }
	must(tb, json.Unmarshal(r.body, &object))
	return object.Metadata
}

func (s *served) request(ctx context.Context, person, method, path, body string) *http.Request {
	s.Helper()
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	must(s, err)
	request.Header.Set("Authorization", "Bearer "+person)
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	return request
}

func (s *served) ask(person, method, path, body string) reply {
	s.Helper()
	response, err := s.client.Do(s.request(s.Context(), person, method, path, body))
	must(s, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	must(s, err)
	return reply{response.StatusCode, response.Header, content}
}

// want asks as ann, and fails the test unless the answer has the status.
func (s *served) want(status int, method, path, body string) reply {
	s.Helper()
	got := s.ask("ann", method, path, body)
	if got.status != status {
		s.Fatalf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}
