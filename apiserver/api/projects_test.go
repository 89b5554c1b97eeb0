package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// localUsers are users of one namespace: ada is a different user in each.
type localUsers struct {
	apitest.ByName

	of string
}

func (l *localUsers) Authenticate(r *http.Request) (auth.User, error) {
	user, err := l.ByName.Authenticate(r)
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
	users := &localUsers{ByName: named([]string{"root", "ada", "eve", "vera", "mallory"}...)}
	s := newFixture(t, append(change, func(o *api.Options) { o.Authenticator = users })...)
	users.of = s.Namespace
	s.grant("root", rbacv1.PolicyRule{APIGroups: []string{"dudaji.com"}, Resources: []string{"projects"}, Verbs: []string{"*"}})
	for user, role := range map[string]string{"ada": "nufi-project-admin", "eve": "nufi-project-editor", "vera": "nufi-project-viewer"} {
		s.bind(user+"@"+s.Namespace, role)
		s.awaitPermission(user, "list", "dudaji.com", "npudeploys")
	}
	s.do("root", http.MethodPost, "/api/v1/projects", project(s.Namespace)).Want(http.StatusCreated)
	return s
}

func project(name string) string {
	return `{"metadata": {"name": "` + name + `", "labels": {"of": "` + name + `"}}, "spec": {"displayName": "Research",
		"members": [{"kind": "User", "name": "oidc:ann@example.com", "role": "Viewer"}]}}`
}

// grant gives a user a rule in the whole cluster.
func (s *fixture) grant(user string, rule rbacv1.PolicyRule) {
	s.Helper()
	s.Grant(rule, "", user+"@"+s.Namespace)
	s.awaitPermission(user, rule.Verbs[0], rule.APIGroups[0], rule.Resources[0])
}

// awaitPermission waits until Kubernetes' authorizer has observed a binding.
func (s *fixture) awaitPermission(user, verb, group, resource string) {
	s.Helper()
	s.AwaitAllowed(harness.User{Name: user + "@" + s.Namespace}, verb+" "+group+"/"+resource, s.Namespace)
}

// mine returns the path of the fixture's Project.
func (s *fixture) mine(more string) string { return "/api/v1/projects/" + s.Namespace + more }

// awaitProject waits until the Project is in the server's cache, and returns it.
func (s *fixture) awaitProject(user string) apitest.Response {
	s.Helper()
	var got apitest.Response
	s.Await(user+" to see the project", func() bool {
		got = s.do(user, http.MethodGet, s.mine(""), "")
		return got.Status == http.StatusOK
	})
	return got
}

func TestCreatedProjectCanBeReadAtOnce(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	for _, name := range []string{s.Namespace + "-a", s.Namespace + "-b"} {
		created := s.do("root", http.MethodPost, "/api/v1/projects", project(name)).Want(http.StatusCreated)
		location := created.Header.Get("Location")
		read := s.do("root", http.MethodGet, location, "").Want(http.StatusOK)
		if location != "/api/v1/projects/"+name || read.Header.Get("ETag") != created.Header.Get("ETag") {
			t.Errorf("%s with ETag %s is read with %s", location, created.Header.Get("ETag"), read.Header.Get("ETag"))
		}
		if field(t, read, "kind") != "Project" || field(t, read, "spec", "displayName") != "Research" || field(t, read, "metadata", "managedFields") != nil {
			t.Errorf("read %s", read.Body)
		}
		s.do("root", http.MethodGet, location, "", "If-None-Match", read.Header.Get("ETag")).Want(http.StatusNotModified)
	}
}

func TestMembersSeeOnlyTheirProject(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	other := s.Namespace + "-other"
	created := s.do("root", http.MethodPost, "/api/v1/projects", project(other)).Want(http.StatusCreated)
	for _, user := range []string{"ada", "eve", "vera"} {
		read := s.awaitProject(user)
		if field(t, read, "kind") != "Project" || field(t, read, "metadata", "managedFields") != nil || read.Header.Get("ETag") == "" {
			t.Errorf("%s reads %s", user, read.Body)
		}
		list := s.do(user, http.MethodGet, "/api/v1/projects", "").Want(http.StatusOK)
		if got := names(t, list); !slices.Equal(got, []string{s.Namespace}) || field(t, list, "kind") != "ProjectList" {
			t.Errorf("%s lists %s", user, list.Body)
		}
		rejected := s.do(user, http.MethodGet, created.Header.Get("Location"), "").Want(http.StatusForbidden).Problem()
		if rejected.Missing == nil || rejected.Missing.Verb != "get" || rejected.Missing.Resource != "projects" || rejected.Missing.Namespace != other {
			t.Errorf("%s: missing is %v", user, rejected.Missing)
		}
	}
	if got := names(t, s.do("mallory", http.MethodGet, "/api/v1/projects", "").Want(http.StatusOK)); len(got) != 0 {
		t.Errorf("a stranger lists %v", got)
	}
	// Users who do not see a Project cannot find out whether it exists.
	there := s.do("mallory", http.MethodGet, s.mine(""), "").Want(http.StatusForbidden).Problem()
	nowhere := s.do("mallory", http.MethodGet, s.mine("-nowhere"), "").Want(http.StatusForbidden).Problem()
	if strings.ReplaceAll(nowhere.Detail, s.Namespace+"-nowhere", s.Namespace) != there.Detail {
		t.Errorf("%q and %q", there.Detail, nowhere.Detail)
	}
	s.do("root", http.MethodGet, s.mine("-nowhere"), "").Want(http.StatusNotFound)
}

func TestAdministratorListsProjectsByLabel(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.awaitProject("vera")
	if got := names(t, s.do("root", http.MethodGet, "/api/v1/projects?labelSelector=of%3D"+s.Namespace, "").Want(http.StatusOK)); !slices.Equal(got, []string{s.Namespace}) {
		t.Errorf("listed %v", got)
	}
	all := names(t, s.do("root", http.MethodGet, "/api/v1/projects", "").Want(http.StatusOK))
	if !slices.Contains(all, s.Namespace) || !slices.IsSorted(all) {
		t.Errorf("listed %v", all)
	}
	s.do("root", http.MethodGet, "/api/v1/projects?labelSelector=%28", "").Want(http.StatusBadRequest).Problem()
	byLabel := "/api/v1/projects?labelSelector=of%3D" + s.Namespace + "&search="
	for search, want := range map[string]int{"RESEARCH": 1, strings.ToUpper(s.Namespace): 1, "nothing": 0} {
		if got := names(t, s.do("vera", http.MethodGet, byLabel+search, "").Want(http.StatusOK)); len(got) != want {
			t.Errorf("a search for %s lists %v", search, got)
		}
	}
}

func TestProjectsAreListedInPages(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	var want []string
	for _, end := range []string{"", "-a", "-b", "-c", "-d"} {
		want = append(want, s.Namespace+end)
		if end != "" {
			body := strings.Replace(project(s.Namespace+end), `"of": "`+s.Namespace+end, `"of": "`+s.Namespace, 1)
			s.do("root", http.MethodPost, "/api/v1/projects", body).Want(http.StatusCreated)
		}
	}
	list := "/api/v1/projects?labelSelector=of%3D" + s.Namespace
	s.Await("the projects in the cache", func() bool {
		return len(names(t, s.do("root", http.MethodGet, list, "").Want(http.StatusOK))) == len(want)
	})
	var got []string
	sizes := []int{}
	for next, more := "", true; more; {
		page := s.do("root", http.MethodGet, list+"&limit=2&continue="+next, "").Want(http.StatusOK)
		got, sizes = append(got, names(t, page)...), append(sizes, len(names(t, page)))
		next, more = field(t, page, "metadata", "continue").(string)
	}
	if !slices.Equal(got, want) || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("pages of %v are %v, want %v", sizes, got, want)
	}
	for _, query := range []string{"limit=0", "limit=1001", "continue=x", "fieldSelector=x"} {
		s.do("root", http.MethodGet, "/api/v1/projects?"+query, "").Want(http.StatusBadRequest).Problem()
	}
}

// A role in a namespace grants nothing on cluster-scoped objects.
func TestMemberCannotReadProjectsFromKubernetes(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.awaitProject("ada")
	for _, path := range []string{"/apis/dudaji.com/v1/projects", "/apis/dudaji.com/v1/projects/" + s.Namespace} {
		client, err := kubernetes.NewForConfig(s.ConfigAs("ada@" + s.Namespace))
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
	s.do("root", http.MethodPut, path+"?dryRun=All", text, "If-None-Match", "*").Want(http.StatusCreated)
	s.do("root", http.MethodGet, path, "").Want(http.StatusNotFound)
	s.do("root", http.MethodPut, path, text).Want(http.StatusPreconditionRequired)
	first := s.do("root", http.MethodPut, path, text, "If-None-Match", "*").Want(http.StatusCreated)
	s.do("root", http.MethodPut, path, text, "If-None-Match", "*").Want(http.StatusPreconditionFailed)

	second := s.do("root", http.MethodPut, path, "spec: {description: Two}", "If-Match", first.Header.Get("ETag"), "Content-Type", "application/yaml").Want(http.StatusOK)
	if field(t, second, "spec", "displayName") != nil || field(t, second, "spec", "description") != "Two" {
		t.Errorf("applied to %s", second.Body)
	}
	s.do("root", http.MethodPut, path, text, "If-Match", first.Header.Get("ETag")).Want(http.StatusPreconditionFailed)
	merged := s.do("root", http.MethodPatch, path, `{"spec": {"displayName": "Three"}}`,
		"Content-Type", "application/merge-patch+json", "If-Match", second.Header.Get("ETag")).Want(
		http.StatusOK)

	if field(t, merged, "spec", "displayName") != "Three" || field(t, merged, "spec", "description") != "Two" {
		t.Errorf("merged to %s", merged.Body)
	}
	applied := s.do("root", http.MethodPatch, path, "spec: {description: Four}", "Content-Type", "application/apply-patch+yaml").Want(http.StatusOK)
	if field(t, applied, "spec", "description") != "Four" {
		t.Errorf("applied to %s", applied.Body)
	}
	s.do("root", http.MethodDelete, path, "", "If-Match", first.Header.Get("ETag")).Want(http.StatusPreconditionFailed)
	s.do("root", http.MethodDelete, path+"?dryRun=All", "").Want(http.StatusAccepted)
	s.do("root", http.MethodDelete, path, "", "If-Match", applied.Header.Get("ETag")).Want(http.StatusAccepted)
	s.do("root", http.MethodGet, path, "").Want(http.StatusNotFound)
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
		"taken":           {project(s.Namespace), 409, ""},
	} {
		got := s.do("root", http.MethodPost, "/api/v1/projects", test.body).Want(test.status).Problem()
		if test.field != "" && (len(got.Errors) == 0 || got.Errors[0].Field != test.field) {
			t.Errorf("%s: the fields are %v, want %s", name, got.Errors, test.field)
		}
	}
	const patterns = `{"metadata": {"name": "a"}, "spec": {"hostSuffixes": ["Bad"], "quota": {"cpu": "many"}}}`
	got := s.do("root", http.MethodPost, "/api/v1/projects", patterns).Want(http.StatusUnprocessableEntity).Problem().Detail
	if !strings.Contains(got, "should be a quantity, such as") || !strings.Contains(got, "should be a DNS name") {
		t.Errorf("the error is %q", got)
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
		{http.MethodPost, "/api/v1/projects", project(s.Namespace + "-mine"), nil, "create", false},
		{http.MethodPut, s.mine("-mine"), project(s.Namespace + "-mine"), []string{"If-None-Match", "*"}, "create", false},
		{http.MethodPut, s.mine(""), project(s.Namespace), []string{"If-Match", "*"}, "get", false},
		{http.MethodPatch, s.mine(""), `{"spec": {"quota": null}}`, merge, "patch", false},
		{http.MethodDelete, s.mine(""), "", nil, "delete", false},
		{http.MethodPut, member, `{"role": "Admin"}`, nil, "patch", false},
		{http.MethodDelete, member, "", nil, "patch", false},
	} {
		for _, user := range []string{"ada", "eve", "vera", "mallory"} {
			missing := s.do(user, call.method, call.path, call.body, call.headers...).Want(http.StatusForbidden).Problem().Missing
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
		s.do("eve", http.MethodPost, "", deployJSON(name)).Want(http.StatusCreated)
	}
	s.grant("root", rbacv1.PolicyRule{APIGroups: []string{"dudaji.com"}, Resources: []string{"npudeploys"}, Verbs: []string{"list"}})
	for _, query := range []string{"", "?dryRun=All"} {
		rejected := s.do("root", http.MethodDelete, s.mine(query), "").Want(http.StatusConflict).Problem()
		if !strings.Contains(rejected.Detail, "2 NpuDeploys") || !strings.Contains(rejected.Detail, "?confirm="+s.Namespace) {
			t.Errorf("it is rejected with %q", rejected.Detail)
		}
	}
	s.do("root", http.MethodDelete, s.mine("?confirm=yes"), "").Want(http.StatusBadRequest)
	// Only users who may delete the project see the number.
	if got := s.do("vera", http.MethodDelete, s.mine(""), "").Want(http.StatusForbidden); strings.Contains(string(got.Body), "2 NpuDeploys") {
		t.Errorf("the viewer gets %s", got.Body)
	}
	s.do("root", http.MethodDelete, s.mine("?confirm="+s.Namespace), "").Want(http.StatusAccepted)
	s.do("root", http.MethodGet, s.mine(""), "").Want(http.StatusNotFound)
}

func TestDeletionOfAProjectListsItsNpuDeploys(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.do("eve", http.MethodPost, "", deployJSON("a")).Want(http.StatusCreated)
	s.awaitProject("vera")
	var got string
	s.Await("the NpuDeploy in the cache", func() bool {
		got = strings.TrimSpace(string(s.do("root", http.MethodGet, s.mine("/deletion"), "").Want(http.StatusOK).Body))
		return !strings.HasSuffix(got, `"npuDeploys":[]}`)
	})
	namespace := fmt.Sprintf(`{"objects":[{"group":"","kind":"Namespace","name":%q},`, s.Namespace)
	if !strings.HasPrefix(got, namespace) || !strings.HasSuffix(got, `"npuDeploys":[{"name":"a"}]}`) {
		t.Errorf("the deletion is %s", got)
	}
	// Members may not delete their Project.
	s.do("ada", http.MethodGet, s.mine("/deletion"), "").Want(http.StatusForbidden).Problem()
}

func TestDeletionCountsNpuDeploysThatTheUserMayNotList(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.do("eve", http.MethodPost, "", deployJSON("a")).Want(http.StatusCreated)
	s.Await("the NpuDeploy in the cache", func() bool {
		return s.do("root", http.MethodDelete, s.mine("?dryRun=All"), "").Status == http.StatusConflict
	})
}
