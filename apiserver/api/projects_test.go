package api_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
)

// localUsers are users of one namespace: ada is a different user in each.
type localUsers struct {
	usersByName

	of string
}

func (l *localUsers) Authenticate(r *http.Request) (auth.User, error) {
	user, err := l.usersByName.Authenticate(r)
	if err != nil {
		return auth.User{}, err
	}
	return auth.NewUser(user.Name()+"@"+l.of, nil)
}

// newProjects returns a fixture with a Project of its namespace. ada is its
// admin, eve its editor, vera its viewer, and mallory has no permissions there. root has all
// permissions on Projects, and no others.
func newProjects(t *testing.T, change ...func(*api.Options)) *fixture {
	t.Helper()
	people := &localUsers{usersByName: usersByName{[]string{"root", "ada", "eve", "vera", "mallory"}}}
	s := newFixture(t, append(change, func(o *api.Options) { o.Authenticator = people })...)
	people.of = s.namespace
	s.grant("root", rbacv1.PolicyRule{APIGroups: []string{"dudaji.com"}, Resources: []string{"projects"}, Verbs: []string{"*"}})
	for user, role := range map[string]string{"ada": "nufi-project-admin", "eve": "nufi-project-editor", "vera": "nufi-project-viewer"} {
		s.bind(user+"@"+s.namespace, role)
		s.awaitPermission(user, "list", "dudaji.com", "npudeploys")
	}
	s.ask("root", http.MethodPost, "/api/v1/projects", project(s.namespace)).wantStatus(t, http.StatusCreated)
	return s
}

func project(name string) string {
	return `{"metadata": {"name": "` + name + `", "labels": {"of": "` + name + `"}}, "spec": {"displayName": "Research",
		"members": [{"kind": "User", "name": "oidc:ann@example.com", "role": "Viewer"}]}}`
}

// grant gives a user a rule in the whole cluster.
func (s *fixture) grant(user string, rule rbacv1.PolicyRule) {
	s.t.Helper()
	client, err := kubernetes.NewForConfig(control.Config(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	name := metav1.ObjectMeta{Name: s.namespace + "-" + rule.Resources[0]}
	role := &rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{rule}}
	if _, err := client.RbacV1().ClusterRoles().Create(s.t.Context(), role, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user + "@" + s.namespace}},
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(s.t.Context(), binding, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
	s.awaitPermission(user, rule.Verbs[0], rule.APIGroups[0], rule.Resources[0])
}

// awaitPermission waits until Kubernetes' authorizer has observed a binding.
func (s *fixture) awaitPermission(user, verb, group, resource string) {
	s.t.Helper()
	client, err := kubernetes.NewForConfig(control.Config(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               user + "@" + s.namespace,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: resource, Namespace: s.namespace},
	}}
	err = wait.PollUntilContextTimeout(s.t.Context(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// mine returns the path of the fixture's Project.
func (s *fixture) mine(more string) string { return "/api/v1/projects/" + s.namespace + more }

// awaitProject waits until the Project is in the server's cache, and returns it.
func (s *fixture) awaitProject(user string) response {
	s.t.Helper()
	var got response
	await(s.t, user+" to see the project", func() bool {
		got = s.ask(user, http.MethodGet, s.mine(""), "")
		return got.status == http.StatusOK
	})
	return got
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return is(), nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

func TestCreatedProjectCanBeReadAtOnce(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	for _, name := range []string{s.namespace + "-a", s.namespace + "-b"} {
		created := s.ask("root", http.MethodPost, "/api/v1/projects", project(name)).wantStatus(t, http.StatusCreated)
		location := created.header.Get("Location")
		read := s.ask("root", http.MethodGet, location, "").wantStatus(t, http.StatusOK)
		if location != "/api/v1/projects/"+name || read.header.Get("ETag") != created.header.Get("ETag") {
			t.Errorf("%s with ETag %s is read with %s", location, created.header.Get("ETag"), read.header.Get("ETag"))
		}
		if field(t, read, "kind") != "Project" || field(t, read, "spec", "displayName") != "Research" || field(t, read, "metadata", "managedFields") != nil {
			t.Errorf("read %s", read.body)
		}
		s.ask("root", http.MethodGet, location, "", "If-None-Match", read.header.Get("ETag")).wantStatus(t, http.StatusNotModified)
	}
}

func TestMembersSeeOnlyTheirProject(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	other := s.namespace + "-other"
	created := s.ask("root", http.MethodPost, "/api/v1/projects", project(other)).wantStatus(t, http.StatusCreated)
	for _, user := range []string{"ada", "eve", "vera"} {
		read := s.awaitProject(user)
		if field(t, read, "kind") != "Project" || field(t, read, "metadata", "managedFields") != nil || read.header.Get("ETag") == "" {
			t.Errorf("%s reads %s", user, read.body)
		}
		list := s.ask(user, http.MethodGet, "/api/v1/projects", "").wantStatus(t, http.StatusOK)
		if got := names(t, list); !slices.Equal(got, []string{s.namespace}) || field(t, list, "kind") != "ProjectList" {
			t.Errorf("%s lists %s", user, list.body)
		}
		refused := s.ask(user, http.MethodGet, created.header.Get("Location"), "").wantStatus(t, http.StatusForbidden).problem(t)
		if refused.Missing == nil || refused.Missing.Verb != "get" || refused.Missing.Resource != "projects" || refused.Missing.Namespace != other {
			t.Errorf("%s: missing is %v", user, refused.Missing)
		}
	}
	if got := names(t, s.ask("mallory", http.MethodGet, "/api/v1/projects", "").wantStatus(t, http.StatusOK)); len(got) != 0 {
		t.Errorf("a stranger lists %v", got)
	}
	// Users who do not see a Project cannot find out whether it exists.
	there := s.ask("mallory", http.MethodGet, s.mine(""), "").wantStatus(t, http.StatusForbidden).problem(t)
	nowhere := s.ask("mallory", http.MethodGet, s.mine("-nowhere"), "").wantStatus(t, http.StatusForbidden).problem(t)
	if strings.ReplaceAll(nowhere.Detail, s.namespace+"-nowhere", s.namespace) != there.Detail {
		t.Errorf("%q and %q", there.Detail, nowhere.Detail)
	}
	s.ask("root", http.MethodGet, s.mine("-nowhere"), "").wantStatus(t, http.StatusNotFound)
}

func TestAdministratorListsProjectsByLabel(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.awaitProject("vera")
	if got := names(t, s.ask("root", http.MethodGet, "/api/v1/projects?labelSelector=of%3D"+s.namespace, "").wantStatus(t, http.StatusOK)); !slices.Equal(got, []string{s.namespace}) {
		t.Errorf("listed %v", got)
	}
	all := names(t, s.ask("root", http.MethodGet, "/api/v1/projects", "").wantStatus(t, http.StatusOK))
	if !slices.Contains(all, s.namespace) || !slices.IsSorted(all) {
		t.Errorf("listed %v", all)
	}
	s.ask("root", http.MethodGet, "/api/v1/projects?labelSelector=%28", "").wantStatus(t, http.StatusBadRequest).problem(t)
}

func TestProjectsAreListedInPages(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	var want []string
	for _, end := range []string{"", "-a", "-b", "-c", "-d"} {
		want = append(want, s.namespace+end)
		if end != "" {
			body := strings.Replace(project(s.namespace+end), `"of": "`+s.namespace+end, `"of": "`+s.namespace, 1)
			s.ask("root", http.MethodPost, "/api/v1/projects", body).wantStatus(t, http.StatusCreated)
		}
	}
	list := "/api/v1/projects?labelSelector=of%3D" + s.namespace
	await(t, "the projects in the cache", func() bool {
		return len(names(t, s.ask("root", http.MethodGet, list, "").wantStatus(t, http.StatusOK))) == len(want)
	})
	var got []string
	sizes := []int{}
	for next, more := "", true; more; {
		page := s.ask("root", http.MethodGet, list+"&limit=2&continue="+next, "").wantStatus(t, http.StatusOK)
		got, sizes = append(got, names(t, page)...), append(sizes, len(names(t, page)))
		next, more = field(t, page, "metadata", "continue").(string)
	}
	if !slices.Equal(got, want) || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("pages of %v are %v, want %v", sizes, got, want)
	}
	for _, query := range []string{"limit=0", "limit=1001", "continue=x", "fieldSelector=x"} {
		s.ask("root", http.MethodGet, "/api/v1/projects?"+query, "").wantStatus(t, http.StatusBadRequest).problem(t)
	}
}

// A role in a namespace grants nothing on cluster-scoped objects.
func TestMemberCannotReadProjectsFromKubernetes(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.awaitProject("ada")
	for _, path := range []string{"/apis/dudaji.com/v1/projects", "/apis/dudaji.com/v1/projects/" + s.namespace} {
		config := rest.CopyConfig(control.Config(t))
		config.Impersonate.UserName = "ada@" + s.namespace
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.RESTClient().Get().AbsPath(path).Do(t.Context()).Error(); err == nil || !strings.Contains(err.Error(), "forbidden") {
			t.Errorf("%s: %v, want forbidden", path, err)
		}
	}
}

func TestProjectsAreWrittenLikeNpuDeploys(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	path, text := s.mine("-new"), `{"spec": {"displayName": "One"}}`
	s.ask("root", http.MethodPut, path+"?dryRun=All", text, "If-None-Match", "*").wantStatus(t, http.StatusCreated)
	s.ask("root", http.MethodGet, path, "").wantStatus(t, http.StatusNotFound)
	s.ask("root", http.MethodPut, path, text).wantStatus(t, http.StatusPreconditionRequired)
	first := s.ask("root", http.MethodPut, path, text, "If-None-Match", "*").wantStatus(t, http.StatusCreated)
	s.ask("root", http.MethodPut, path, text, "If-None-Match", "*").wantStatus(t, http.StatusPreconditionFailed)

	second := s.ask("root", http.MethodPut, path, "spec: {description: Two}", "If-Match", first.header.Get("ETag"), "Content-Type", "application/yaml").wantStatus(t, http.StatusOK)
	if field(t, second, "spec", "displayName") != nil || field(t, second, "spec", "description") != "Two" {
		t.Errorf("applied to %s", second.body)
	}
	s.ask("root", http.MethodPut, path, text, "If-Match", first.header.Get("ETag")).wantStatus(t, http.StatusPreconditionFailed)
	merged := s.ask("root", http.MethodPatch, path, `{"spec": {"displayName": "Three"}}`,
		"Content-Type", "application/merge-patch+json", "If-Match", second.header.Get("ETag")).wantStatus(t, http.StatusOK)
	if field(t, merged, "spec", "displayName") != "Three" || field(t, merged, "spec", "description") != "Two" {
		t.Errorf("merged to %s", merged.body)
	}
	applied := s.ask("root", http.MethodPatch, path, "spec: {description: Four}", "Content-Type", "application/apply-patch+yaml").wantStatus(t, http.StatusOK)
	if field(t, applied, "spec", "description") != "Four" {
		t.Errorf("applied to %s", applied.body)
	}
	s.ask("root", http.MethodDelete, path, "", "If-Match", first.header.Get("ETag")).wantStatus(t, http.StatusPreconditionFailed)
	s.ask("root", http.MethodDelete, path+"?dryRun=All", "").wantStatus(t, http.StatusAccepted)
	s.ask("root", http.MethodDelete, path, "", "If-Match", applied.header.Get("ETag")).wantStatus(t, http.StatusAccepted)
	s.ask("root", http.MethodGet, path, "").wantStatus(t, http.StatusNotFound)
}

func TestProjectErrorNamesTheField(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	for name, test := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"of another kind": {`{"kind": "NpuDeploy", "metadata": {"name": "a"}}`, 422, "kind"},
		"no role":         {`{"metadata": {"name": "a"}, "spec": {"members": [{"kind": "User", "name": "a"}]}}`, 422, "spec.members[0].role"},
		"Kubernetes' own": {`{"metadata": {"name": "a"}, "spec": {"members": [{"kind": "User", "name": "system:admin", "role": "Admin"}]}}`, 422, "spec.members[0].name"},
		"a mistyped one":  {`{"metadata": {"name": "a"}, "spec": {"member": []}}`, 422, "spec.member"},
		"taken":           {project(s.namespace), 409, ""},
	} {
		got := s.ask("root", http.MethodPost, "/api/v1/projects", test.body).wantStatus(t, test.status).problem(t)
		if test.field != "" && (len(got.Errors) == 0 || got.Errors[0].Field != test.field) {
			t.Errorf("%s: the fields are %v, want %s", name, got.Errors, test.field)
		}
	}
}

// Writing a Project is a permission in the whole cluster, which its admin does not have.
func TestMembersCannotChangeTheirProject(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.awaitProject("vera")
	merge := []string{"Content-Type", "application/merge-patch+json"}
	member := s.member("User", "ada")
	for _, call := range []call{
		{http.MethodPost, "/api/v1/projects", project(s.namespace + "-mine"), nil, "create", false},
		{http.MethodPut, s.mine("-mine"), project(s.namespace + "-mine"), []string{"If-None-Match", "*"}, "create", false},
		{http.MethodPut, s.mine(""), project(s.namespace), []string{"If-Match", "*"}, "get", false},
		{http.MethodPatch, s.mine(""), `{"spec": {"quota": null}}`, merge, "patch", false},
		{http.MethodDelete, s.mine(""), "", nil, "delete", false},
		{http.MethodPut, member, `{"role": "Admin"}`, nil, "patch", false},
		{http.MethodDelete, member, "", nil, "patch", false},
	} {
		for _, user := range []string{"ada", "eve", "vera", "mallory"} {
			missing := s.ask(user, call.method, call.path, call.body, call.headers...).wantStatus(t, http.StatusForbidden).problem(t).Missing
			if missing == nil || missing.Verb != call.verb || missing.Resource != "projects" || missing.Namespace != "" {
				t.Errorf("%s as %s: missing is %v, want %s", call.path, user, missing, call.verb)
			}
		}
	}
}

func TestDeletingAProjectWithNpuDeploysRequiresConfirmation(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	for _, name := range []string{"a", "b"} {
		s.ask("eve", http.MethodPost, "", deployJSON(name)).wantStatus(t, http.StatusCreated)
	}
	s.grant("root", rbacv1.PolicyRule{APIGroups: []string{"dudaji.com"}, Resources: []string{"npudeploys"}, Verbs: []string{"list"}})
	for _, query := range []string{"", "?dryRun=All"} {
		refused := s.ask("root", http.MethodDelete, s.mine(query), "").wantStatus(t, http.StatusConflict).problem(t)
		if !strings.Contains(refused.Detail, "2 NpuDeploys") || !strings.Contains(refused.Detail, "?confirm="+s.namespace) {
			t.Errorf("it is refused by %q", refused.Detail)
		}
	}
	s.ask("root", http.MethodDelete, s.mine("?confirm=yes"), "").wantStatus(t, http.StatusBadRequest)
	// Only users who may delete the project see the number.
	if got := s.ask("vera", http.MethodDelete, s.mine(""), "").wantStatus(t, http.StatusForbidden); strings.Contains(string(got.body), "2 NpuDeploys") {
		t.Errorf("the viewer gets %s", got.body)
	}
	s.ask("root", http.MethodDelete, s.mine("?confirm="+s.namespace), "").wantStatus(t, http.StatusAccepted)
	s.ask("root", http.MethodGet, s.mine(""), "").wantStatus(t, http.StatusNotFound)
}

func TestDeletionCountsNpuDeploysThatTheUserMayNotList(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.ask("eve", http.MethodPost, "", deployJSON("a")).wantStatus(t, http.StatusCreated)
	await(t, "the NpuDeploy in the cache", func() bool {
		return s.ask("root", http.MethodDelete, s.mine("?dryRun=All"), "").status == http.StatusConflict
	})
}
