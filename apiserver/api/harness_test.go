package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	harness.Main(m)
}

// fixture is an API on the package's control plane, and a namespace where ann may edit
// and vic may view. bob has no permissions there.
type fixture struct {
	*apitest.Server
	t *testing.T
}

func newFixture(t *testing.T, change ...func(*api.Options)) *fixture {
	t.Helper()
	base := func(o *api.Options) {
		o.Authenticator = named("ann", "bob", "vic")
		o.Limits.Streams.Revalidate = time.Hour // A revalidation adds a bookmark to the events that a slow test compares.
	}
	s := &fixture{apitest.Start(harness.New(t), append([]func(*api.Options){base}, change...)...), t}
	s.bind("ann", "nufi-view", "nufi-edit")
	s.bind("vic", "nufi-view")
	return s
}

// named authenticates users of the group team by their names.
func named(names ...string) apitest.ByName {
	return apitest.ByName{Names: names, Groups: []string{"team"}}
}

// bind gives roles of the bundle to a user in the fixture's namespace.
func (s *fixture) bind(user string, roles ...string) {
	s.Helper()
	s.Install("bundle/rbac/user_roles.yaml", "bundle/rbac/project_roles.yaml")
	for _, role := range roles {
		s.Bind(role, s.Namespace, user)
	}
	access := "list dudaji.com/npudeploys"
	if slices.Contains(roles, "nufi-edit") {
		access = "create dudaji.com/npudeploys"
	}
	s.AwaitAllowed(harness.User{Name: user}, access, s.Namespace)
}

// do sends a request as a user. Headers are pairs. A path without a leading slash is relative to the fixture's
// NpuDeploys. The status of the response must be one that the OpenAPI document has for the request.
func (s *fixture) do(user, method, path, body string, headers ...string) apitest.Response {
	s.Helper()
	if !strings.HasPrefix(path, "/") {
		if path != "" && path[0] != '?' {
			path = "/" + path
		}
		path = "/api/v1/namespaces/" + s.Namespace + "/npudeploys" + path
	}
	request := s.Request(s.Context(), user, method, path, body, headers...)
	response := s.Send(request)
	isDocumented, err := s.API.IsDocumented(request, response.Status)
	s.Must(err)
	// Any request can have a URL or headers that are too long.
	if !isDocumented && response.Status != http.StatusRequestURITooLong && response.Status != http.StatusRequestHeaderFieldsTooLarge {
		s.Errorf("%s %s: the OpenAPI document has no status %d", method, path, response.Status)
	}
	return response
}

// kubectl writes input, which an argument "-" stands for, to the fixture's namespace as
// the administrator.
func kubectl(s *fixture, input string, args ...string) {
	s.Helper()
	file := filepath.Join(s.TempDir(), "input.yaml")
	s.Must(os.WriteFile(file, []byte(input), 0o600))
	for i, arg := range args {
		if arg == "-" {
			args[i] = file
		}
	}
	s.Kubectl(append(args, "-n", s.Namespace)...)
}

// withTransport wraps the transport of users' calls to Kubernetes.
func withTransport(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper) func(*api.Options) {
	t.Helper()
	return func(o *api.Options) {
		var err error
		if o.Users, err = kube.NewUserClients(harness.New(t, harness.ReserveNamespace()).APIServerConfig(), wrap); err != nil {
			t.Fatal(err)
		}
	}
}
