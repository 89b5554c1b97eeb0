package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/message"
)

// maxAdditions bounds the fields that are reported for an object.
const maxAdditions = 3

// additions describes the fields of the set that other managers, or admission, added to our
// objects. They stay: server-side apply leaves them alone.
func (a *Applier) additions(set *ObjectSet) string {
	var objects []string
	for _, desired := range set.manifests {
		if added := a.lastApplied.get(set.owner.UID, desired.ref.key()).added; added != "" {
			objects = append(objects, desired.ref.String()+" also has "+added)
		}
	}
	return message.Line(strings.Join(objects, ", "), maxMessage)
}

// addedFields describes the fields that other managers have in the specification of an object, or
// in that of a Deployment's pods, and what admission added to these pods. An autoscaler's replicas, and annotations that restart pods, are
// not among them.
func addedFields(object client.Object, entries []metav1.ManagedFieldsEntry, ours fieldSet) string {
	path := []string{"f:spec"}
	deployment, isDeployment := object.(*appsv1.Deployment)
	if isDeployment {
		path = []string{"f:spec", "f:template", "f:spec"}
	}
	owned := ours.below(path...)
	if owned == nil {
		return ""
	}
	at := strings.ReplaceAll(strings.Join(path, "."), "f:", "")
	var spec any
	if custom, isCustom := object.(*unstructured.Unstructured); isCustom {
		spec = custom.Object["spec"]
	}
	var added []string
	managed := []map[string]any{owned}
	for _, entry := range entries {
		if isOurEntry(entry) || entry.Subresource != "" {
			continue
		}
		fields := ownedFields.get(entry.FieldsV1.GetRawBytes()).below(path...)
		managed = append(managed, fields)
		if paths := notOwned(at, fields, owned, spec); len(paths) > 0 {
			added = append(added, fmt.Sprintf("%s of %q", joinPaths(paths), entry.Manager))
		}
	}
	slices.Sort(added) // A write moves its entry.
	if isDeployment {
		if paths := unmanaged(at, &deployment.Spec.Template.Spec, managed); len(paths) > 0 {
			added = append(added, joinPaths(paths)+" of an admission policy or webhook")
		}
	}
	return strings.Join(added, ", ")
}

func joinPaths(paths []string) string {
	return strings.Join(paths[:min(len(paths), maxAdditions)], ", ")
}

// unmanaged returns the containers, volumes and variables of a pod that no manager has. Admission
// added them to a write: the API server records no manager for that.
func unmanaged(at string, pod *corev1.PodSpec, managed []map[string]any) []string {
	var paths []string
	add := func(list string, managed []map[string]any, names []string) {
		for _, name := range names {
			if len(below(managed, itemElement(name))) == 0 {
				paths = append(paths, at+"."+list+"["+name+"]")
			}
		}
	}
	volumes := make([]string, 0, len(pod.Volumes))
	for i := range pod.Volumes {
		volumes = append(volumes, pod.Volumes[i].Name)
	}
	add("volumes", below(managed, "f:volumes"), volumes)
	for list, containers := range map[string][]corev1.Container{"containers": pod.Containers, "initContainers": pod.InitContainers} {
		managedItems := below(managed, "f:"+list)
		names := make([]string, 0, len(containers))
		for i := range containers {
			container := &containers[i]
			names = append(names, container.Name)
			fields := below(managedItems, itemElement(container.Name))
			if len(fields) == 0 {
				continue
			}
			variables := make([]string, 0, len(container.Env))
			for j := range container.Env {
				variables = append(variables, container.Env[j].Name)
			}
			add(list+"["+container.Name+"].env", below(fields, "f:env"), variables)
		}
		add(list, managedItems, names)
	}
	slices.Sort(paths)
	return paths
}

// below returns a field, or an item of a list, of several managers, in the format FieldsV1.
func below(managed []map[string]any, name string) []map[string]any {
	var fields []map[string]any
	for _, of := range managed {
		if field, ok := of[name].(map[string]any); ok {
			fields = append(fields, field)
		}
	}
	return fields
}

// itemElement returns the element of an item of a list whose key is the name.
func itemElement(name string) string {
	text, err := json.Marshal(name)
	if err != nil {
		return "" // Text can be encoded.
	}
	return `k:{"name":` + string(text) + `}`
}

// notOwned returns the paths of fields that owned does not have, without the fields below these. It leaves out
// those that are {} in value, if that is known: a client of Go writes optional structs as such, KEDA for example.
func notOwned(path string, fields, owned map[string]any, value any) []string {
	var paths []string
	values, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		below, _ := fields[name].(map[string]any)
		ours, isOwned := owned[name].(map[string]any)
		value := values[strings.TrimPrefix(name, "f:")]
		object, isObject := value.(map[string]any)
		switch {
		case name == ".": // The field at path itself.
		case isOwned:
			paths = append(paths, notOwned(path+pathElement(name), below, ours, value)...)
		case !isObject || len(object) > 0:
			paths = append(paths, path+pathElement(name))
		}
	}
	return paths
}

// pathElement converts an element of FieldsV1: f:image, k:{"name":"server"}, v:"item".
func pathElement(element string) string {
	kind, value, _ := strings.Cut(element, ":")
	if kind == "f" {
		return "." + value
	}
	var key map[string]any
	if json.Unmarshal([]byte(value), &key) != nil {
		return "[" + value + "]"
	}
	var values []string
	for _, name := range slices.Sorted(maps.Keys(key)) {
		values = append(values, fmt.Sprint(key[name]))
	}
	return "[" + strings.Join(values, "/") + "]"
}
