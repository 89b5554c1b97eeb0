package apply

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

// Kinds are the kinds that a template may yield. Whoever edits templates can reach
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

// allow refuses what no template may yield, whatever its namespace claims to be.
func allow(object *unstructured.Unstructured, namespace string) error {
	ref := Ref{GroupVersionKind: object.GroupVersionKind(), Name: object.GetName()}
	refuse := func(why string) error { return &NotAllowedError{Ref: ref, Why: why} }
	switch {
	case !slices.Contains(Kinds(), ref.GroupVersionKind):
		return refuse(fmt.Sprintf("%s of %s is no kind that a template may yield", ref.Kind, object.GetAPIVersion()))
	case object.GetNamespace() != namespace:
		return refuse(fmt.Sprintf("its namespace is %q, and has to be %q", object.GetNamespace(), namespace))
	case ref.Name == "":
		return refuse("it has no name")
	}
	for field := range object.Object {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata", "spec", "automountServiceAccountToken"}, field) {
			return refuse(field + " is not a template's to set")
		}
	}
	metadata, _, _ := unstructured.NestedMap(object.Object, "metadata")
	for field := range metadata {
		if !slices.Contains([]string{"name", "namespace", "labels", "annotations"}, field) {
			return refuse("metadata." + field + " is not a template's to set")
		}
	}
	return nil
}
