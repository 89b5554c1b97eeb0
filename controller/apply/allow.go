package apply

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The label of every applied object, by which the controller watches them.
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

// Kinds returns the kinds that templates of an NpuDeploy may render. An author of templates
// has access to these in the namespaces of NpuDeploys, and to nothing else: no Secret, no
// Role, no bare Pod.
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

// allowedFields returns, for each kind that templates of an owner may render, the top-level
// fields beside apiVersion, kind and metadata.
func allowedFields(owner Owner) map[schema.GroupVersionKind][]string {
	if owner.Kind == v1.KindProject {
		return projectFields()
	}
	all := map[schema.GroupVersionKind][]string{}
	for _, kind := range Kinds() {
		all[kind] = []string{"spec", "automountServiceAccountToken"}
	}
	return all
}

// validate rejects what templates of the owner may not render.
func validate(object *unstructured.Unstructured, owner Owner) error {
	ref := Ref{GroupVersionKind: object.GroupVersionKind(), Name: object.GetName()}
	reject := func(message string) error { return &NotAllowedError{Ref: ref, Message: message} }
	fields, allowed := allowedFields(owner)[ref.GroupVersionKind]
	if !allowed {
		return reject(fmt.Sprintf("templates of kind %s may not render %s of %s", owner.Kind, ref.Kind, object.GetAPIVersion()))
	}
	if message := validateName(ref, object.GetNamespace(), owner); message != "" {
		return reject(message)
	}
	for field := range object.Object {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata"}, field) && !slices.Contains(fields, field) {
			return reject("templates may not set " + field)
		}
	}
	metadata, _, _ := unstructured.NestedMap(object.Object, "metadata")
	for field := range metadata {
		if !slices.Contains([]string{"name", "namespace", "labels", "annotations"}, field) {
			return reject("templates may not set metadata." + field)
		}
	}
	if ref.GroupVersionKind == roleBindingKind() {
		if message := validateBinding(object); message != "" {
			return reject(message)
		}
	}
	return nil
}

// validateName returns what is wrong with an object's name or namespace, or nothing.
func validateName(ref Ref, namespace string, owner Owner) string {
	switch {
	case ref.isNamespace() && (ref.Name != owner.Namespace || namespace != ""):
		return fmt.Sprintf("the namespace of the project must be %q", owner.Namespace)
	case !ref.isNamespace() && namespace != owner.Namespace:
		return fmt.Sprintf("its namespace is %q and must be %q", namespace, owner.Namespace)
	case ref.Name == "":
		return "it has no name"
	}
	return ""
}
