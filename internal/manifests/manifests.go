// Package manifests defines what templates may render: kinds, fields, names, roles and the
// number of objects. The controller applies no other objects, and the validation of templates
// rejects a set that renders others.
package manifests

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxObjects bounds the objects of one owner.
const maxObjects = 32

// Owner is the NpuDeploy or the Project that a set of manifests belongs to.
type Owner struct {
	// Kind determines which kinds are allowed.
	Kind string
	// Namespace is that of the objects.
	Namespace string
}

// DeployOwner returns the owner of the manifests of an NpuDeploy in a namespace.
func DeployOwner(namespace string) Owner { return Owner{Kind: v1.Kind, Namespace: namespace} }

// ProjectOwner returns the owner of the manifests of a Project.
func ProjectOwner(name string) Owner { return Owner{Kind: v1.KindProject, Namespace: name} }

// NotAllowedError is a manifest that templates may not render. Only a change of the templates resolves it.
type NotAllowedError struct {
	Kind, Name string
	// Message describes what is not allowed.
	Message string
}

func (e *NotAllowedError) Error() string { return fmt.Sprintf("%s %s: %s", e.Kind, e.Name, e.Message) }

// Reason is the reason of condition Applied.
func (*NotAllowedError) Reason() string { return v1.ReasonKindNotAllowed }

// Check returns a *NotAllowedError if templates of the owner may not render the objects. They
// are in apply order.
func Check(owner Owner, objects []*unstructured.Unstructured) error {
	if len(objects) > maxObjects {
		return notAllowed(objects[maxObjects], fmt.Sprintf("the templates render %d objects and may render %d", len(objects), maxObjects))
	}
	all := rendered{}
	for _, object := range objects {
		if message := check(object, owner); message != "" {
			return notAllowed(object, message)
		}
		key := objectKey{object.GroupVersionKind().GroupKind(), object.GetName()}
		if all[key] {
			return notAllowed(object, "rendered twice")
		}
		all[key] = true
	}
	for _, object := range objects {
		message := cmp.Or(checkAutoscaler(object, all), checkGroups(object, all), checkRay(object, all), checkPicker(object, owner, all))
		if message != "" {
			return notAllowed(object, message)
		}
	}
	// It is never pruned: that would delete everything in it.
	if owner.Kind == v1.KindProject && (len(objects) == 0 || objects[0].GroupVersionKind() != namespaceKind()) {
		return &NotAllowedError{
			Kind: namespaceKind().Kind, Name: owner.Namespace, Message: "the first object of a project must be its namespace",
		}
	}
	return nil
}

// rendered are the objects that templates render for an owner.
type rendered map[objectKey]bool

type objectKey struct {
	schema.GroupKind
	name string
}

func (r rendered) has(group, kind, name string) bool {
	return r[objectKey{schema.GroupKind{Group: group, Kind: kind}, name}]
}

// Reads reports whether Check reads a field of a kind. It checks only the names of others.
func Reads(kind schema.GroupVersionKind, field string) bool {
	return slices.Contains(commonFields(), field) || isAutoscaler(kind) || kind == RayService() || kind == roleBindingKind()
}

// commonFields returns the fields that all objects have.
func commonFields() []string { return []string{"apiVersion", "kind", "metadata"} }

func notAllowed(object *unstructured.Unstructured, message string) error {
	return &NotAllowedError{Kind: object.GetKind(), Name: object.GetName(), Message: message}
}

// Kinds returns the kinds that templates of an NpuDeploy may render. An author of templates
// can create these in the namespaces of NpuDeploys, but no Secrets, Roles or bare Pods. A RoleBinding
// gives the rights of an endpoint picker: see checkPicker.
func Kinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Version: "v1", Kind: "ServiceAccount"},
		{Version: "v1", Kind: "PersistentVolumeClaim"},
		{Version: "v1", Kind: "Service"},
		Deployment(),
		LeaderWorkerSet(),
		RayService(),
		{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
		{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
		{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
		{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"},
		{Group: "inference.networking.k8s.io", Version: "v1", Kind: "InferencePool"},
		roleBindingKind(),
		{Group: "monitoring.coreos.com", Version: "v1", Kind: "PodMonitor"},
		{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"},
	}
}

// Deployment returns the kind of replicas that have a pod each.
func Deployment() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
}

// LeaderWorkerSet returns the kind of replicas that span nodes.
func LeaderWorkerSet() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "leaderworkerset.x-k8s.io", Version: "v1", Kind: "LeaderWorkerSet"}
}

// RayService returns the kind of replicas that Ray Serve serves.
func RayService() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "ray.io", Version: "v1", Kind: "RayService"}
}

// IsWorkload reports whether a kind has pods.
func IsWorkload(kind schema.GroupVersionKind) bool { return kind == RayService() || IsScalable(kind) }

// IsScalable reports whether a kind has pods, and a number of them in spec.replicas.
func IsScalable(kind schema.GroupVersionKind) bool {
	return kind == Deployment() || kind == LeaderWorkerSet()
}

// PickerName returns the name of the objects of the endpoint picker of an NpuDeploy.
func PickerName(deploy string) string { return deploy + "-epp" }

// PrefillName returns the name of the Deployment whose servers process prompts, of an NpuDeploy with prefill.
func PrefillName(deploy string) string { return deploy + "-prefill" }

// IsServer reports whether an object of an NpuDeploy has the pods that answer requests, as the Deployments of its
// picker and of prefill have not.
func IsServer(deploy string, kind schema.GroupVersionKind, name string) bool {
	return IsWorkload(kind) && name != PickerName(deploy) && name != PrefillName(deploy)
}

// KindsOf returns the kinds that templates of a kind of owner may render.
func KindsOf(ownerKind string) []schema.GroupVersionKind {
	if ownerKind == v1.KindProject {
		return ProjectKinds()
	}
	return Kinds()
}

// allowedFields returns the top-level fields of a kind that templates of a kind of owner may render, beside
// apiVersion, kind and metadata.
func allowedFields(ownerKind string, kind schema.GroupVersionKind) []string {
	switch {
	case kind == namespaceKind():
		return nil
	case kind == roleBindingKind():
		return []string{"roleRef", "subjects"}
	case ownerKind == v1.KindProject:
		return []string{"spec"}
	}
	return []string{"spec", "automountServiceAccountToken"}
}

// check returns what is not allowed in an object, or "".
func check(object *unstructured.Unstructured, owner Owner) string {
	kind := object.GroupVersionKind()
	if !slices.Contains(KindsOf(owner.Kind), kind) {
		return fmt.Sprintf("templates of kind %s may not render %s of %s", owner.Kind, kind.Kind, object.GetAPIVersion())
	}
	if message := checkName(object, owner); message != "" {
		return message
	}
	fields := allowedFields(owner.Kind, kind)
	for field := range object.Object {
		if !slices.Contains(commonFields(), field) && !slices.Contains(fields, field) {
			return "templates may not set " + field
		}
	}
	metadata, _ := object.Object["metadata"].(map[string]any)
	for field := range metadata {
		if !slices.Contains([]string{"name", "namespace", "labels", "annotations"}, field) {
			return "templates may not set metadata." + field
		}
	}
	if kind == roleBindingKind() && owner.Kind == v1.KindProject {
		return checkBinding(object)
	}
	return ""
}

// checkAutoscaler returns what is not allowed in an autoscaler, or "". An autoscaler may scale a Deployment
// or LeaderWorkerSet of the same templates, and must not use credentials of the cluster.
func checkAutoscaler(object *unstructured.Unstructured, all rendered) string {
	if !isAutoscaler(object.GroupVersionKind()) {
		return ""
	}
	target, exists, _ := unstructured.NestedMap(object.Object, "spec", "scaleTargetRef")
	if !exists {
		return ""
	}
	name, _ := target["name"].(string)
	kind, _ := target["kind"].(string)
	version, _ := target["apiVersion"].(string)
	scaled := schema.FromAPIVersionAndKind(cmp.Or(version, "apps/v1"), cmp.Or(kind, "Deployment"))
	if !IsScalable(scaled) || !all.has(scaled.Group, scaled.Kind, name) {
		return fmt.Sprintf("it scales %q, which is no Deployment or LeaderWorkerSet of the same templates", name)
	}
	triggers, _, _ := unstructured.NestedSlice(object.Object, "spec", "triggers")
	for _, trigger := range triggers {
		fields, _ := trigger.(map[string]any)
		if kind, _, _ := unstructured.NestedString(fields, "authenticationRef", "kind"); kind != "" && kind != "TriggerAuthentication" {
			return "its triggers may not use a " + kind
		}
	}
	return ""
}

func isAutoscaler(kind schema.GroupVersionKind) bool {
	return kind.Kind == "HorizontalPodAutoscaler" || kind.Kind == "ScaledObject"
}

// checkGroups returns what is not allowed in a LeaderWorkerSet, or "".
func checkGroups(object *unstructured.Unstructured, all rendered) string {
	if object.GroupVersionKind() == LeaderWorkerSet() && all.has("", "Service", object.GetName()) {
		return "a Service has its name: its controller would use that for the names of pods"
	}
	return ""
}

// maxRayName is the length of the longest name that KubeRay accepts.
const maxRayName = 47

// checkRay returns what is not allowed in a RayService, or "": fields for which KubeRay would create Roles
// or routes, and names for which it would ignore changes.
func checkRay(object *unstructured.Unstructured, all rendered) string {
	if object.GroupVersionKind() != RayService() {
		return ""
	}
	for _, path := range [][]string{
		{"rayClusterConfig", "enableInTreeAutoscaling"}, {"rayClusterConfig", "headGroupSpec", "enableIngress"}, {"upgradeStrategy"},
	} {
		if _, exists, _ := unstructured.NestedFieldNoCopy(object.Object, append([]string{"spec"}, path...)...); exists {
			return "templates may not set spec." + strings.Join(path, ".")
		}
	}
	if len(object.GetName()) > maxRayName {
		return fmt.Sprintf("its name has more than %d characters: KubeRay ignores it", maxRayName)
	}
	for _, suffix := range []string{"-head-svc", "-serve-svc"} {
		if all.has("", "Service", object.GetName()+suffix) {
			return "a Service is called " + object.GetName() + suffix + ", as KubeRay's is"
		}
	}
	return ""
}

// pickerRole is the ClusterRole of endpoint pickers, which read pods, and objects that concern pools.
const pickerRole = "nufi-endpoint-picker"

// checkPicker returns the error in a RoleBinding of an NpuDeploy, or "". It may bind the role
// of endpoint pickers to service accounts of the same templates.
func checkPicker(object *unstructured.Unstructured, owner Owner, all rendered) string {
	if owner.Kind == v1.KindProject || object.GroupVersionKind() != roleBindingKind() {
		return ""
	}
	var binding rbacv1.RoleBinding
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &binding); err != nil {
		return err.Error()
	}
	if role := binding.RoleRef; role.APIGroup != rbacv1.GroupName || role.Kind != "ClusterRole" || role.Name != pickerRole {
		return fmt.Sprintf("its role is %s %s and must be ClusterRole %s", role.Kind, role.Name, pickerRole)
	}
	for _, subject := range binding.Subjects {
		isOwn := subject.Kind == rbacv1.ServiceAccountKind && subject.Namespace == owner.Namespace && all.has("", "ServiceAccount", subject.Name)
		if !isOwn {
			return fmt.Sprintf("its subject %s %s must be a ServiceAccount of the same templates", subject.Kind, subject.Name)
		}
	}
	return ""
}

// checkName returns the error in an object's name or namespace, or "".
func checkName(object *unstructured.Unstructured, owner Owner) string {
	name, namespace, isNamespace := object.GetName(), object.GetNamespace(), object.GroupVersionKind() == namespaceKind()
	switch {
	case isNamespace && (name != owner.Namespace || namespace != ""):
		return fmt.Sprintf("the namespace of the project must be %q", owner.Namespace)
	case !isNamespace && namespace != owner.Namespace:
		return fmt.Sprintf("its namespace is %q and must be %q", namespace, owner.Namespace)
	case name == "":
		return "it has no name"
	}
	return ""
}
