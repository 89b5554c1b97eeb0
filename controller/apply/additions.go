package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/message"
)

// maxAdditions bounds the fields that are reported for an object.
const maxAdditions = 3

// additions describes the fields of the set that other managers added to our objects. They stay:
// server-side apply leaves the fields of others alone.
func (a *Applier) additions(set *Set) string {
	var objects []string
	for _, desired := range set.manifests {
		if added := a.last(set.owner, desired).added; added != "" {
			objects = append(objects, desired.ref.String()+" also has "+added)
		}
	}
	return message.Line(strings.Join(objects, ", "), maxMessage)
}

// addedFields describes the fields that other managers have in the specification of an object, or
// in that of a Deployment's pods. An autoscaler's replicas, and annotations that restart pods, are
// not among them.
func addedFields(object client.Object, entries []metav1.ManagedFieldsEntry, ours metav1.ManagedFieldsEntry) string {
	path := []string{"f:spec"}
	if _, isDeployment := object.(*appsv1.Deployment); isDeployment {
		path = []string{"f:spec", "f:template", "f:spec"}
	}
	owned := fieldsBelow(ours, path)
	if owned == nil {
		return ""
	}
	at := strings.ReplaceAll(strings.Join(path, "."), "f:", "")
	var added []string
	for _, entry := range entries {
		if isOurEntry(entry) || entry.Subresource != "" {
			continue
		}
		fields := notOwned(at, fieldsBelow(entry, path), owned)
		if len(fields) > 0 {
			fields = fields[:min(len(fields), maxAdditions)]
			added = append(added, fmt.Sprintf("%s of %q", strings.Join(fields, ", "), entry.Manager))
		}
	}
	slices.Sort(added) // A write moves its entry.
	return strings.Join(added, ", ")
}

// fieldsBelow returns the fields of an entry below a path, in the format FieldsV1.
func fieldsBelow(entry metav1.ManagedFieldsEntry, path []string) map[string]any {
	var fields map[string]any
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return nil
	}
	for _, name := range path {
		fields, _ = fields[name].(map[string]any)
	}
	return fields
}

// notOwned returns the paths of fields that owned does not have, without the fields below these.
func notOwned(path string, fields, owned map[string]any) []string {
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		below, _ := fields[name].(map[string]any)
		ours, isOwned := owned[name].(map[string]any)
		switch {
		case name == ".": // The field at path itself.
		case !isOwned:
			paths = append(paths, path+pathElement(name))
		default:
			paths = append(paths, notOwned(path+pathElement(name), below, ours)...)
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
