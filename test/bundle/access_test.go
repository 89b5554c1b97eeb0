package bundle_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// may asks for one access: "verb [group/]resource[.subresource]".
type may struct {
	access, namespace string
	want              bool
}

// account is the controller's.
const account = "system:serviceaccount:" + namespace + ":nufi-controller"

func accountGroups() []string {
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
}

func controllerAccess(t *testing.T) {
	children := []string{
		"apps/deployments", "services", "serviceaccounts", "policy/poddisruptionbudgets", "networking.k8s.io/ingresses",
		"resourcequotas", "limitranges", "networking.k8s.io/networkpolicies", "rbac.authorization.k8s.io/rolebindings",
		"networking.istio.io/virtualservices", "gateway.networking.k8s.io/httproutes", "monitoring.coreos.com/podmonitors",
	}
	var table []may
	for _, child := range children {
		for _, verb := range []string{"get", "list", "watch", "create", "patch", "delete"} {
			table = append(table, may{verb + " " + child, "team", true})
		}
		table = append(table, may{"deletecollection " + child, "team", false})
	}
	for _, seen := range []string{"pods", "events", "apps/replicasets", "dudaji.com/npudeploys", "dudaji.com/projects"} {
		table = append(table, may{"watch " + seen, "team", true})
	}
	table = append(table, []may{
		{"watch nodes", "", true},
		{"watch apiextensions.k8s.io/customresourcedefinitions", "", true},
		{"patch dudaji.com/npudeploys.status", "team", true},
		{"create events.k8s.io/events", "team", true},
		{"create events", namespace, true},
		{"update coordination.k8s.io/leases", namespace, true},

		{"update coordination.k8s.io/leases", "team", false},
		{"create events", "team", false},
		{"patch dudaji.com/npudeploys", "team", false},
		{"create dudaji.com/npudeploys", "team", false},
		{"delete dudaji.com/npudeploys", "team", false},
		{"get secrets", "team", false},
		{"list secrets", namespace, false},
		{"get configmaps", "team", false},
		{"create pods", "team", false},
		{"delete pods", "team", false},
		{"create pods.exec", "team", false},
		{"create pods.eviction", "team", false},
		{"create serviceaccounts.token", "team", false},
		{"patch nodes", "", false},
		{"create namespaces", "", true},
		{"patch dudaji.com/projects.status", "", true},

		{"delete namespaces", "", false},
		{"patch dudaji.com/projects", "", false},
		{"create dudaji.com/projects", "", false},
		{"create rbac.authorization.k8s.io/roles", "team", false},
		{"create rbac.authorization.k8s.io/clusterrolebindings", "", false},
		{"bind rbac.authorization.k8s.io/roles", "team", false},
		{"escalate rbac.authorization.k8s.io/clusterroles", "", false},
		{"bind rbac.authorization.k8s.io/clusterroles", "", false},
		{"impersonate users", "", false},
		{"patch apiextensions.k8s.io/customresourcedefinitions", "", false},
		{"create apps/daemonsets", "team", false},
		{"create batch/jobs", "team", false},
	}...)
	for _, row := range table {
		if got := allowed(t, account, accountGroups(), row); got != row.want {
			t.Errorf("%s in %q: allowed %t, want %t", row.access, row.namespace, got, row.want)
		}
	}
}

func userAccess(t *testing.T) {
	team := control.Namespace(t)
	for role, table := range map[string]map[string]bool{
		"view": {
			"list dudaji.com/npudeploys":       true,
			"create dudaji.com/npudeploys":     false,
			"patch dudaji.com/npudeploys":      false,
			"get dudaji.com/npudeploys.status": true,
		},
		"edit": {
			"list dudaji.com/npudeploys":         true,
			"create dudaji.com/npudeploys":       true,
			"patch dudaji.com/npudeploys.scale":  true,
			"patch dudaji.com/npudeploys.status": false,
		},
		"admin": {
			"delete dudaji.com/npudeploys":       true,
			"patch dudaji.com/npudeploys.status": false,
		},
	} {
		bind(t, team, role)
		for access, want := range table {
			awaitAccess(t, role+"-user", may{access, team, want})
			if allowed(t, role+"-user", nil, may{access: access, namespace: "default"}) {
				t.Errorf("%s: %s in another namespace is allowed", role, access)
			}
		}
	}
}

// bind gives the user ROLE-user the cluster role in the namespace.
func bind(t *testing.T, namespace, role string) {
	t.Helper()
	_, err := client(t).RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role + "-user"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitAccess waits for what the controller-manager aggregates; what is to be refused
// has to be so at once.
func awaitAccess(t *testing.T, user string, row may) {
	t.Helper()
	if !row.want {
		if allowed(t, user, nil, row) {
			t.Errorf("%s: %s is allowed", user, row.access)
		}
		return
	}
	clients := client(t)
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		return review(ctx, clients, user, nil, row)
	})
	if err != nil {
		t.Errorf("%s: %s is not allowed", user, row.access)
	}
}

func allowed(t *testing.T, user string, groups []string, row may) bool {
	t.Helper()
	is, err := review(t.Context(), client(t), user, groups, row)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// review asks the API server's authorizer.
func review(ctx context.Context, clients kubernetes.Interface, user string, groups []string, row may) (bool, error) {
	verb, path, _ := strings.Cut(row.access, " ")
	group, resource, grouped := strings.Cut(path, "/")
	if !grouped {
		group, resource = "", path
	}
	resource, subresource, _ := strings.Cut(resource, ".")
	answer, err := clients.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: groups, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Namespace: row.namespace, Group: group, Resource: resource, Subresource: subresource,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}
