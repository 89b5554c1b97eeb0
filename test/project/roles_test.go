package project_test

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/controller/subject"
)

// Who may do what in the project, asked as each of them.
func TestRolesGrantAccess(t *testing.T) {
	r := newRoom(t, "people")
	r.project(`{members: [{kind: User, name: ada, role: Admin}, {kind: User, name: eve, role: Editor}, {kind: Group, name: product, role: Viewer}]}`)
	config := control.Config(t)
	who := map[string]client.Client{
		"admin":    subject.Client(t, as(config, "ada")),
		"editor":   subject.Client(t, as(config, "eve")),
		"viewer":   subject.Client(t, as(config, "vera", "product")),
		"stranger": subject.Client(t, as(config, "mallory", "others")),
	}
	for access, may := range map[string]string{
		"list dudaji.com/npudeploys":                    "admin editor viewer",
		"get pods.log":                                  "admin editor viewer",
		"list resourcequotas":                           "admin editor viewer",
		"create dudaji.com/npudeploys":                  "admin editor",
		"delete dudaji.com/npudeploys":                  "admin editor",
		"patch dudaji.com/npudeploys.scale":             "admin editor",
		"delete pods":                                   "admin editor",
		"create persistentvolumeclaims":                 "admin editor",
		"delete persistentvolumeclaims":                 "admin",
		"deletecollection dudaji.com/npudeploys":        "admin",
		"list rbac.authorization.k8s.io/rolebindings":   "admin",
		"get secrets":                                   "",
		"list secrets":                                  "",
		"create secrets":                                "",
		"create pods":                                   "",
		"create pods.exec":                              "",
		"get pods.exec":                                 "",
		"create pods.portforward":                       "",
		"create apps/deployments":                       "",
		"create serviceaccounts.token":                  "",
		"patch dudaji.com/npudeploys.status":            "",
		"patch resourcequotas":                          "",
		"patch networking.k8s.io/networkpolicies":       "",
		"create rbac.authorization.k8s.io/rolebindings": "",
		"create networking.istio.io/virtualservices":    "",
	} {
		for role, person := range who {
			if got, want := mayIn(t, person, r.name, access), strings.Contains(may, role); got != want {
				t.Errorf("%s: %s: allowed %t, want %t", role, access, got, want)
			}
			if mayIn(t, person, "default", access) {
				t.Errorf("%s: %s is allowed in another namespace", role, access)
			}
		}
	}
}

// mayIn asks by a SelfSubjectAccessReview: "verb [group/]resource[.subresource]".
func mayIn(t *testing.T, person client.Client, namespace, access string) bool {
	t.Helper()
	verb, path, _ := strings.Cut(access, " ")
	group, resource, grouped := strings.Cut(path, "/")
	if !grouped {
		group, resource = "", path
	}
	resource, subresource, _ := strings.Cut(resource, ".")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Namespace: namespace, Group: group, Resource: resource, Subresource: subresource,
		},
	}}
	if err := person.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// The same two people, not asked but at work.
func TestTwoUsersWorkAsTheirRolesAllow(t *testing.T) {
	r := newRoom(t, "work")
	r.project("{members: [{kind: User, name: eve, role: Editor}, {kind: User, name: vic, role: Viewer}]}")
	config := control.Config(t)
	editor, viewer := subject.Client(t, as(config, "eve")), subject.Client(t, as(config, "vic"))
	deploy := func() *v1.NpuDeploy {
		return &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: r.name, Name: "web"}, Spec: v1.NpuDeploySpec{Model: "org/model"}}
	}
	if err := viewer.Create(t.Context(), deploy()); !apierrors.IsForbidden(err) {
		t.Errorf("the viewer creates: %v", err)
	}
	if err := editor.Create(t.Context(), deploy()); err != nil {
		t.Errorf("the editor cannot create: %v", err)
	}
	if err := viewer.Get(t.Context(), client.ObjectKeyFromObject(deploy()), &v1.NpuDeploy{}); err != nil {
		t.Errorf("the viewer cannot read: %v", err)
	}
	if err := editor.List(t.Context(), &corev1.SecretList{}, client.InNamespace(r.name)); !apierrors.IsForbidden(err) {
		t.Errorf("the editor reads secrets: %v", err)
	}
	r.project("{members: [{kind: User, name: vic, role: Viewer}]}")
	r.await("the editor to be out", func() bool {
		err := editor.Get(t.Context(), client.ObjectKeyFromObject(deploy()), &v1.NpuDeploy{})
		return apierrors.IsForbidden(err)
	}, func() any { return r.status() })
}
