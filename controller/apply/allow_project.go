package apply

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A namespace is deleted with its Project, by Kubernetes' garbage collector.
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=resourcequotas;limitranges,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=get;list;watch;create;patch;delete
// Without it, nobody may give others rights that he does not have himself.
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,verbs=bind,resourceNames=nufi-project-viewer;nufi-project-editor;nufi-project-admin
// +kubebuilder:rbac:groups=dudaji.com,resources=projects/finalizers,verbs=update

// ProjectKinds are the kinds that a template of a Project may yield: the namespace of
// its name, and these in it.
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

func projectRules() map[schema.GroupVersionKind][]string {
	all := map[schema.GroupVersionKind][]string{}
	for _, kind := range ProjectKinds() {
		switch kind {
		case namespaceKind():
			all[kind] = nil
		case roleBindingKind():
			all[kind] = []string{"roleRef", "subjects"}
		default:
			all[kind] = []string{"spec"}
		}
	}
	return all
}

// roles are the ClusterRoles that a project's members get: ours, and no others.
func roles() []string {
	return []string{"nufi-project-viewer", "nufi-project-editor", "nufi-project-admin"}
}

// faultOfBinding says what a template may not bind, or nothing.
func faultOfBinding(object *unstructured.Unstructured) string {
	var binding rbacv1.RoleBinding
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &binding); err != nil {
		return err.Error()
	}
	role := binding.RoleRef
	if role.APIGroup != rbacv1.GroupName || role.Kind != "ClusterRole" || !slices.Contains(roles(), role.Name) {
		return fmt.Sprintf("its role is %s %s, and has to be one of the ClusterRoles %s", role.Kind, role.Name, strings.Join(roles(), ", "))
	}
	for _, subject := range binding.Subjects {
		isPerson := subject.Kind == rbacv1.UserKind || subject.Kind == rbacv1.GroupKind
		if !isPerson || subject.APIGroup != rbacv1.GroupName || strings.HasPrefix(subject.Name, "system:") {
			return fmt.Sprintf("its subject %s %s is no person or group of people", subject.Kind, subject.Name)
		}
	}
	return ""
}

// mayDelete holds for children that are pruned. A namespace is none of them: it goes
// with its Project.
func mayDelete(owner Owner, ref Ref) bool {
	_, known := rules(owner)[ref.GroupVersionKind]
	return known && !ref.isNamespace()
}
