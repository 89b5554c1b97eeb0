package project_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestRolesGrantAccess(t *testing.T) {
	f := newFixture(t)
	f.applyReady(`{members: [{kind: User, name: ada, role: Admin}, {kind: User, name: eve, role: Editor}, {kind: Group, name: product, role: Viewer}]}`)
	users := map[string]harness.User{
		"admin":    {Name: "ada"},
		"editor":   {Name: "eve"},
		"viewer":   {Name: "vera", Groups: []string{"product"}},
		"stranger": {Name: "mallory", Groups: []string{"others"}},
	}
	for access, roles := range map[string]string{
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
		"create secrets":                                "admin",
		"update secrets":                                "admin",
		"watch secrets":                                 "",
		"patch secrets":                                 "",
		"delete secrets":                                "",
		"deletecollection secrets":                      "",
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
		for role, user := range users {
			if got, want := f.Allowed(user, access, f.name), strings.Contains(roles, role); got != want {
				t.Errorf("%s: %s: allowed %t, want %t", role, access, got, want)
			}
			if f.Allowed(user, access, "default") {
				t.Errorf("%s: %s is allowed in another namespace", role, access)
			}
		}
	}
}

// The authorizer's answers are one thing, requests another.
func TestEditorAndViewerWorkAsTheirRolesAllow(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{members: [{kind: User, name: eve, role: Editor}, {kind: User, name: vic, role: Viewer}]}")
	editor, viewer := f.ClientAs("eve"), f.ClientAs("vic")
	deploy := func() *v1.NpuDeploy {
		deploy := f.NpuDeploy("web")
		deploy.Spec.Model = "org/model"
		return deploy
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
	if err := editor.List(t.Context(), &corev1.SecretList{}, client.InNamespace(f.name)); !apierrors.IsForbidden(err) {
		t.Errorf("the editor reads secrets: %v", err)
	}
	f.applyReady("{members: [{kind: User, name: vic, role: Viewer}]}")
	f.Await("the editor to lose access", func() bool {
		return apierrors.IsForbidden(editor.Get(t.Context(), client.ObjectKeyFromObject(deploy()), &v1.NpuDeploy{}))
	})
}
