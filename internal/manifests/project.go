package manifests

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ProjectKinds returns the kinds that templates of a Project may render: the namespace with
// its name, and objects in it.
func ProjectKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		namespaceKind(),
		{Version: "v1", Kind: "ResourceQuota"},
		{Version: "v1", Kind: "LimitRange"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
		roleBindingKind(),
	}
}

func namespaceKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
}

func roleBindingKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: rbacv1.GroupName, Version: "v1", Kind: "RoleBinding"}
}

// roles are the ClusterRoles that templates may bind.
func roles() []string {
	return []string{"nufi-project-viewer", "nufi-project-editor", "nufi-project-admin"}
}

// checkBinding returns what templates may not bind, or "".
func checkBinding(object *unstructured.Unstructured) string {
	var binding rbacv1.RoleBinding
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &binding); err != nil {
		return err.Error()
	}
	role := binding.RoleRef
	if role.APIGroup != rbacv1.GroupName || role.Kind != "ClusterRole" || !slices.Contains(roles(), role.Name) {
		return fmt.Sprintf("its role is %s %s and must be one of the ClusterRoles %s", role.Kind, role.Name, strings.Join(roles(), ", "))
	}
	for _, subject := range binding.Subjects {
		isUser := subject.Kind == rbacv1.UserKind || subject.Kind == rbacv1.GroupKind
		if !isUser || subject.APIGroup != rbacv1.GroupName || strings.HasPrefix(subject.Name, "system:") {
			return fmt.Sprintf("its subject %s %s must be a user or a group of users", subject.Kind, subject.Name)
		}
	}
	return ""
}
