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
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/cluster"
	"github.com/dudaji/nufi/controller/templates"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New()

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

// named believes that everybody is who they say in their bearer token.
type named struct{}

func (named) Authenticate(r *http.Request) (auth.Person, error) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return auth.Person{}, auth.ErrNoCredentials
	}
	return auth.NewPerson(name, nil)
}

// served is an API server that ends with the test.
type served struct {
	testing.TB

	url    string
	client *http.Client
}

func serve(t testing.TB, change func(*api.Options)) *served {
	t.Helper()
	config := ownConfig(t)
	users, err := kube.NewUsers(config)
	must(t, err)
	system, err := kube.NewSystem(config)
	must(t, err)
	store, err := templates.Open("", templates.Hooks{})
	must(t, err)
	known, err := live.New(t.Context(), system, time.Now)
	must(t, err)
	options := api.Options{
		Authenticator: named{}, Users: users, Templates: store.Serving, Live: known,
		Log: logr.Discard(), Registry: prometheus.NewRegistry(), Clock: time.Now, Limits: api.DefaultLimits(),
	}
	change(&options)
	handler, err := api.New(options)
	must(t, err)
	server := httptest.NewServer(handler)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- known.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, ReadBufferSize: 64 << 10}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		handler.EndStreams()
		server.Close()
		stop()
		must(t, <-ended)
	})
	await(t, "the cluster to be known", known.Ready)
	return &served{t, server.URL, client}
}

// ownConfig is the access of the server's own service account.
func ownConfig(t testing.TB) *rest.Config {
	t.Helper()
	root, err := cluster.Checkout(".")
	must(t, err)
	for _, file := range []string{
		"namespace.yaml", "apiserver/service_account.yaml", "apiserver/role.yaml", "apiserver/role_binding.yaml", "rbac/user_roles.yaml",
	} {
		must(t, control.Cluster(t).Apply(t.Context(), filepath.Join(root, "bundle", file)))
	}
	config := rest.AnonymousClientConfig(control.Config(t))
	config.BearerToken = strings.TrimSpace(kubectl(t, "create", "token", "nufi-apiserver", "-n", "nufi-system"))
	config.QPS = -1
	return config
}

func kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := control.Cluster(t).Kubectl(t.Context(), args...)
	must(t, err)
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await looks until it is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for ", what)
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

func (r reply) metadata(t testing.TB) map[string]any {
	t.Helper()
	var object struct{ Metadata map[string]any }
	must(t, json.Unmarshal(r.body, &object))
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

// want asks and fails the test unless the answer has the status.
func (s *served) want(status int, person, method, path, body string) reply {
	s.Helper()
	got := s.ask(person, method, path, body)
	if got.status != status {
		s.Fatalf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}
