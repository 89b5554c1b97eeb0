package apply

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/message"
)

const (
	// admissionRecheck is when an object that admission changed is applied again: the webhook
	// or policy may be gone.
	admissionRecheck = 10 * time.Minute
	// maxOverwritten bounds the fields that are reported for an object.
	maxOverwritten = 3
	// admissionChanged is how a Result's Admission begins.
	admissionChanged = "admission changed "
)

// overwritten describes the fields of the set that admission changed. It returns the delay
// before the first of these objects is applied again.
func (a *Applier) overwritten(set *ObjectSet) (text string, recheck time.Duration) {
	var objects []string
	for _, desired := range set.manifests {
		last := a.lastApplied.get(set.owner.UID, desired.ref.key())
		if len(last.overwritten) == 0 {
			continue
		}
		objects = append(objects, desired.ref.String()+" ("+strings.Join(last.overwritten, ", ")+")")
		if after := max(a.recheckAfter(last), time.Second); recheck == 0 || after < recheck {
			recheck = after
		}
	}
	if len(objects) == 0 {
		return "", 0
	}
	return message.Line(admissionChanged+strings.Join(objects, ", "), maxMessage), recheck
}

// ReportsAdmission reports whether a message contains a Result's Admission.
func ReportsAdmission(text string) bool { return strings.Contains(text, admissionChanged) }

// recheckAfter returns the delay before an object that admission changed is applied again, or
// a negative one for other objects.
func (a *Applier) recheckAfter(last lastApplied) time.Duration {
	if len(last.overwritten) == 0 {
		return -1
	}
	return max(0, last.time.Add(admissionRecheck).Sub(a.contention.clock.Now()))
}

// overwrittenFields returns the paths of the fields of a manifest that the API server stored with
// another value, without an error: admission changed them. Fields that the manifest does not have are
// not compared.
func overwrittenFields(manifest map[string]any, stored client.Object) ([]string, error) {
	sent := maps.Clone(manifest)
	for _, field := range []string{"apiVersion", "kind", "status"} {
		delete(sent, field)
	}
	if metadata, ok := sent["metadata"].(map[string]any); ok {
		metadata = maps.Clone(metadata)
		maps.DeleteFunc(metadata, func(field string, _ any) bool { return field != "labels" && field != "annotations" })
		sent["metadata"] = metadata
	}
	content := any(stored)
	if object, ok := stored.(*unstructured.Unstructured); ok {
		content = object.Object
	}
	if covers(reflect.ValueOf(content), sent) {
		return nil, nil
	}
	got, err := runtime.DefaultUnstructuredConverter.ToUnstructured(stored)
	if err != nil {
		return nil, fmt.Errorf("reading the stored object: %w", err)
	}
	paths := differences("", sent, got)
	slices.Sort(paths)
	return paths[:min(len(paths), maxOverwritten)], nil
}

// differences returns the paths of the fields of sent that got has with another value, in any order.
func differences(path string, sent, got any) []string {
	switch sent := sent.(type) {
	case map[string]any:
		fields, isMap := got.(map[string]any)
		if !isMap && got != nil {
			return []string{path}
		}
		var paths []string
		for name, field := range sent {
			paths = append(paths, differences(strings.TrimPrefix(path+"."+name, "."), field, fields[name])...)
		}
		return paths
	case []any:
		items, _ := got.([]any)
		var paths []string
		for i, item := range sent {
			paths = append(paths, itemDifferences(path, i, item, items)...)
		}
		return paths
	}
	if isSameValue(path, sent, got) {
		return nil
	}
	return []string{path}
}

// itemDifferences compares an item with any item that has its fields, or else with the one of
// its name. Items that admission adds move the others.
func itemDifferences(path string, index int, sent any, items []any) []string {
	path = fmt.Sprintf("%s[%d]", path, index)
	name := nameOf(sent)
	var named any
	for _, item := range items {
		if len(differences(path, sent, item)) == 0 {
			return nil
		}
		if name != "" && named == nil && nameOf(item) == name {
			named = item
		}
	}
	if named == nil {
		return []string{path}
	}
	return differences(path, sent, named)
}

func nameOf(item any) string {
	fields, _ := item.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}

// isSameValue compares quantities by value, and text by its characters. The API server leaves out
// fields with a zero value.
func isSameValue(path string, sent, got any) bool {
	if text, ok := sent.(string); ok && text == got {
		return true
	}
	if got == nil {
		return sent == nil || sent == false || sent == "" || sent == int64(0) || sent == float64(0)
	}
	a, b := fmt.Sprint(sent), fmt.Sprint(got)
	if a == b || isText(path) {
		return a == b
	}
	first, err := resource.ParseQuantity(a)
	if err != nil {
		return false
	}
	second, err := resource.ParseQuantity(b)
	return err == nil && first.Cmp(second) == 0
}

// isText reports whether a field contains text, in which 1 and 1000m differ.
func isText(path string) bool {
	return slices.ContainsFunc([]string{"labels.", "annotations.", ".env[", ".command[", ".args["}, func(field string) bool {
		return strings.Contains(path, field)
	})
}
