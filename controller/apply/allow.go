package apply

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The label that every child has, and by which the controller watches them.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "nufi"
)

// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services;serviceaccounts,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.istio.io,resources=virtualservices,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=monitoring.coreos.com,resources=podmonitors,verbs=get;list;watch;create;patch;delete
// An owner reference that blocks deletion takes the right to set finalizers.
// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys/finalizers,verbs=update

// Kinds are the kinds that a template of an NpuDeploy may yield. Whoever edits templates can reach
// these in the namespaces of NpuDeploys, and nothing else: no Secret, no Role, no bare
// Pod.
func Kinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Version: "v1", Kind: "ServiceAccount"},
		{Version: "v1", Kind: "Service"},
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
		{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
		{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"},
		{Group: "monitoring.coreos.com", Version: "v1", Kind: "PodMonitor"},
	}
}

// rules say which kinds the templates of an owner may yield, and which fields of each
// beside those that identify it.
func rules(owner Owner) map[schema.GroupVersionKind][]string {
	if owner.Kind == v1.KindProject {
		return projectRules()
	}
	all := map[schema.GroupVersionKind][]string{}
	for _, kind := range Kinds() {
		all[kind] = []string{"spec", "automountServiceAccountToken"}
	}
	return all
}

// allow refuses what no template may yield, whatever its namespace claims to be.
func allow(object *unstructured.Unstructured, owner Owner) error {
	ref := Ref{GroupVersionKind: object.GroupVersionKind(), Name: object.GetName()}
	refuse := func(why string) error { return &NotAllowedError{Ref: ref, Why: why} }
	fields, known := rules(owner)[ref.GroupVersionKind]
	if !known {
		return refuse(fmt.Sprintf("%s of %s is no kind that a template of kind %s may yield", ref.Kind, object.GetAPIVersion(), owner.Kind))
	}
	if why := faultOfPlace(ref, object.GetNamespace(), owner); why != "" {
		return refuse(why)
	}
	for field := range object.Object {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata"}, field) && !slices.Contains(fields, field) {
			return refuse(field + " is not a template's to set")
		}
	}
	metadata, _, _ := unstructured.NestedMap(object.Object, "metadata")
	for field := range metadata {
		if !slices.Contains([]string{"name", "namespace", "labels", "annotations"}, field) {
			return refuse("metadata." + field + " is not a template's to set")
		}
	}
	if ref.GroupVersionKind == roleBindingKind() {
		if why := faultOfBinding(object); why != "" {
			return refuse(why)
		}
	}
	return nil
}

// faultOfPlace says what is wrong with where an object is to be, or nothing.
func faultOfPlace(ref Ref, namespace string, owner Owner) string {
	switch {
	case ref.isNamespace() && (ref.Name != owner.Namespace || namespace != ""):
		return fmt.Sprintf("the namespace of the project is %q", owner.Namespace)
	case !ref.isNamespace() && namespace != owner.Namespace:
		return fmt.Sprintf("its namespace is %q, and has to be %q", namespace, owner.Namespace)
	case ref.Name == "":
		return "it has no name"
	}
	return ""
}
