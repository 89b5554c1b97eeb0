package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New()

// The test binary is its own child, where templates are evaluated.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == templates.ValidateCommand {
		os.Exit(templates.ValidateMain(os.Stdin, os.Stdout))
	}
	os.Exit(control.Run(m))
}

// usersByName authenticates the names by a bearer token that is the name.
type usersByName struct{ names []string }

func (b usersByName) Authenticate(r *http.Request) (auth.User, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return auth.User{}, auth.ErrNoCredentials
	}
	for _, name := range b.names {
		if name == token {
			return auth.NewUser(name, []string{"team"})
		}
	}
	return auth.User{}, &auth.InvalidError{Reason: "no user of this name"}
}

// fixture is an API on the package's control plane, and a namespace where ann may edit
// and vic may view. bob has no permissions there.
type fixture struct {
	t         *testing.T
	api       *api.API
	users     *kube.Users
	url       string
	namespace string
	registry  *prometheus.Registry
	log       *lines
}

func newFixture(t *testing.T, change ...func(*api.Options)) *fixture {
	t.Helper()
	users, err := kube.NewUsers(serverConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &fixture{t: t, users: users, registry: prometheus.NewRegistry(), log: &lines{}, namespace: control.Namespace(t)}
	store, err := templates.Open("", templates.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	options := api.Options{
		Templates: store.Serving, TemplateState: store.State, Live: sharedCache(t), Devices: newDeviceStore(t, store, nil),
		Authenticator: usersByName{[]string{"ann", "bob", "vic"}}, Users: users, Log: s.log.logger(),
		Registry: s.registry, Clock: time.Now, Limits: api.DefaultLimits(),
	}
	for _, set := range change {
		set(&options)
	}
	if s.api, err = api.New(options); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.bind("ann", "nufi-view", "nufi-edit")
	s.bind("vic", "nufi-view")
	return s
}

// shared is the cache of all fixtures.
var shared struct {
	sync.Once
	cluster *live.Cache
	err     error
}

// sharedCache is filled with the server's own permissions, for all tests. It ends
// with the process.
func sharedCache(t *testing.T) *live.Cache {
	t.Helper()
	config := serverConfig(t)
	shared.Do(func() {
		var system *kube.SystemClient
		if system, shared.err = kube.NewSystemClient(config); shared.err != nil {
			return
		}
		ctx := context.WithoutCancel(t.Context())
		if shared.cluster, shared.err = live.New(ctx, system, time.Now); shared.err == nil {
			go func() { _ = shared.cluster.Run(ctx) }()
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	await(t, "the cache to be filled", shared.cluster.Ready)
	return shared.cluster
}

// newDeviceStore returns a store that runs until the test ends.
func newDeviceStore(t *testing.T, store *templates.Store, poller *fetchers.Poller) *devices.Store {
	t.Helper()
	board := devices.NewStore(sharedCache(t), func() *render.Catalogue { return store.Serving().Catalogue }, poller)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- board.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return board
}

// installed makes one test install the server's identity for all tests.
var installed sync.Once

// serverConfig returns the config of the server's service account, with the rules of
// bundle/apiserver and no others.
func serverConfig(t *testing.T) *rest.Config {
	t.Helper()
	client, err := kubernetes.NewForConfig(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	installed.Do(func() {
		root, err := cluster.Checkout(".")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"namespace.yaml", "apiserver/service_account.yaml", "apiserver/role.yaml", "apiserver/role_binding.yaml"} {
			if err := control.Cluster(t).Apply(t.Context(), filepath.Join(root, "bundle", file)); err != nil {
				t.Fatal(err)
			}
		}
	})
	answer, err := client.CoreV1().ServiceAccounts("nufi-system").CreateToken(
		t.Context(), "nufi-apiserver", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(control.Config(t))
	config.BearerToken, config.QPS = answer.Status.Token, -1
	return config
}

// bind gives roles of the bundle to a user in the fixture's namespace.
func (s *fixture) bind(user string, roles ...string) {
	s.t.Helper()
	client, err := kubernetes.NewForConfig(control.Config(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, role := range bundleRoles(s.t) {
		if _, err := client.RbacV1().ClusterRoles().Create(s.t.Context(), role, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			s.t.Fatal(err)
		}
	}
	for _, role := range roles {
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user + "-" + role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}
		if _, err := client.RbacV1().RoleBindings(s.namespace).Create(s.t.Context(), binding, metav1.CreateOptions{}); err != nil {
			s.t.Fatal(err)
		}
	}
	verb := "list"
	if slices.Contains(roles, "nufi-edit") {
		verb = "create"
	}
	await(s.t, "the role binding", func() bool { return isAllowed(s.t, client, user, verb, s.namespace) })
}

// isAllowed reports whether Kubernetes' authorizer has observed the permission.
func isAllowed(t *testing.T, client kubernetes.Interface, user, verb, namespace string) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: "dudaji.com", Resource: "npudeploys", Namespace: namespace},
	}}
	answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}

// bundleRoles returns the roles of the bundle.
func bundleRoles(t *testing.T) []*rbacv1.ClusterRole {
	t.Helper()
	text := repositoryFile(t, "bundle/rbac/user_roles.yaml") + "---\n" + repositoryFile(t, "bundle/rbac/project_roles.yaml")
	var roles []*rbacv1.ClusterRole
	for document := range strings.SplitSeq(text, "---\n") {
		role := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict([]byte(document), role); err != nil {
			t.Fatal(err)
		}
		roles = append(roles, role)
	}
	return roles
}

// response was read to its end. Of a stream it is the first line.
type response struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request as a user. Headers are pairs. A path without a leading slash is
// relative to the fixture's NpuDeploys.
func (s *fixture) ask(user, method, path, body string, headers ...string) response {
	s.t.Helper()
	if !strings.HasPrefix(path, "/") {
		if path != "" && path[0] != '?' {
			path = "/" + path
		}
		path = "/api/v1/namespaces/" + s.namespace + "/npudeploys" + path
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if user != "" {
		request.Header.Set("Authorization", "Bearer "+user)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return do(s.t, request)
}

func do(t *testing.T, request *http.Request) response {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var content []byte
	if res.Header.Get("Content-Type") == stream.ContentType && request.Method != http.MethodHead {
		content, err = bufio.NewReader(res.Body).ReadBytes('\n')
	} else {
		content, err = io.ReadAll(res.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, content}
}

// wantStatus fails the test unless the response has the status.
func (r response) wantStatus(t *testing.T, status int) response {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// problem reads the response as a problem, and fails the test if it is not one.
func (r response) problem(t *testing.T) problem.Error {
	t.Helper()
	var answer problem.Error
	if got := r.header.Get("Content-Type"); got != problem.ContentType {
		t.Fatalf("the Content-Type is %q: %s", got, r.body)
	}
	if err := json.Unmarshal(r.body, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != r.status || answer.Title == "" || answer.Type == "" || answer.Instance == "" {
		t.Errorf("status %d: the problem is incomplete: %s", r.status, r.body)
	}
	if answer.RequestID == "" || answer.RequestID != r.header.Get(problem.RequestID) {
		t.Errorf("the problem's request id is %q, the header's %q", answer.RequestID, r.header.Get(problem.RequestID))
	}
	return answer
}

func (r response) json(t *testing.T) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := json.Unmarshal(r.body, &object); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return object
}

// lines is what has been logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) logger() logr.Logger {
	return funcr.NewJSON(func(line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text.WriteString(line + "\n")
	}, funcr.Options{})
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func repositoryFile(t *testing.T, name string) string {
	t.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// kubectl writes to the fixture's namespace as the administrator.
func kubectl(t *testing.T, s *fixture, input string, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "input.yaml")
	if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, arg := range args {
		if arg == "-" {
			args[i] = file
		}
	}
	if _, err := control.Cluster(t).Kubectl(t.Context(), append(args, "-n", s.namespace)...); err != nil {
		t.Fatal(err)
	}
}

// withTransport wraps the transport of users' calls to Kubernetes.
func withTransport(t *testing.T, way func(http.RoundTripper) http.RoundTripper) func(*api.Options) {
	t.Helper()
	return func(o *api.Options) {
		var err error
		if o.Users, err = kube.NewUsers(serverConfig(t), way); err != nil {
			t.Fatal(err)
		}
	}
}
