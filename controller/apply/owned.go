package apply

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8sjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Summarize replaces an object's managed fields, the larger part of it, by what a
// comparison needs: the digest of the fields that we own. An informer calls it for
// what it keeps (as a transform), so that a comparison need not.
func Summarize(object *unstructured.Unstructured) error {
	if _, done := object.Object[fieldOwned]; done {
		return nil
	}
	fields := ownedFields(object)
	content, err := project(fields, object.Object)
	if err != nil {
		return fmt.Errorf("reading the managed fields of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	_, replicas, _ := unstructured.NestedFieldNoCopy(fields, "f:spec", "f:replicas")
	object.Object[fieldOwned] = map[string]any{"digest": digest(content), "replicas": replicas}
	unstructured.RemoveNestedField(object.Object, "metadata", "managedFields")
	return nil
}

// Drifted says whether the fields that we own differ between two summarized versions of
// an object. It is false for objects that are no children.
func Drifted(before, after client.Object) bool {
	old, isChild := before.(*unstructured.Unstructured)
	young, isChildToo := after.(*unstructured.Unstructured)
	return isChild && isChildToo && !reflect.DeepEqual(old.Object[fieldOwned], young.Object[fieldOwned])
}

// fieldOwned holds the summary. No kind of Kubernetes has a field of that name.
const fieldOwned = "nufi-owned"

// ownedFields is our entry of the managed fields, the FieldsV1 tree, or nil.
func ownedFields(object *unstructured.Unstructured) map[string]any {
	entries, _, _ := unstructured.NestedFieldNoCopy(object.Object, "metadata", "managedFields")
	list, _ := entries.([]any)
	for _, entry := range list {
		entry, _ := entry.(map[string]any)
		if entry["manager"] == v1.FieldManager && entry["operation"] == "Apply" && entry["subresource"] == nil {
			fields, _ := entry["fieldsV1"].(map[string]any)
			return fields
		}
	}
	return nil
}

// project writes what value has at each place that fields name, in an order of its own.
func project(fields map[string]any, value any) ([]byte, error) {
	var out bytes.Buffer
	err := projectInto(&out, fields, value)
	return out.Bytes(), err
}

func projectInto(out *bytes.Buffer, fields map[string]any, value any) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "." { // The value itself, whose presence is written already.
			continue
		}
		child, found, err := step(name, value)
		if err != nil {
			return err
		}
		below, _ := fields[name].(map[string]any)
		fmt.Fprintf(out, "%s %t\n", name, found)
		switch _, isMap := child.(map[string]any); {
		case !found:
		case len(below) > 0:
			err = projectInto(out, below, child)
			out.WriteString("end\n")
		case isMap:
			// Either atomic, then a change takes it from us; or applied empty, then what
			// it holds now is others'.
		default:
			err = json.NewEncoder(out).Encode(child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step goes from value to the place that one element of FieldsV1 names: f:NAME is a
// field, k:{...} the item with these keys and v:VALUE the item of that value.
func step(element string, value any) (child any, found bool, err error) {
	kind, name, _ := strings.Cut(element, ":")
	switch kind {
	case "f":
		object, _ := value.(map[string]any)
		child, found = object[name]
		return child, found, nil
	case "k":
		var keys map[string]any
		if err := k8sjson.Unmarshal([]byte(name), &keys); err != nil {
			return nil, false, err
		}
		child, found = find(value, func(item any) bool { return hasKeys(item, keys) })
		return child, found, nil
	case "v":
		var wanted any
		if err := k8sjson.Unmarshal([]byte(name), &wanted); err != nil {
			return nil, false, err
		}
		child, found = find(value, func(item any) bool { return reflect.DeepEqual(item, wanted) })
		return child, found, nil
	}
	return nil, false, nil
}

func find(list any, is func(item any) bool) (any, bool) {
	items, _ := list.([]any)
	i := slices.IndexFunc(items, is)
	if i < 0 {
		return nil, false
	}
	return items[i], true
}

func hasKeys(item any, keys map[string]any) bool {
	object, _ := item.(map[string]any)
	for name, want := range keys {
		if !reflect.DeepEqual(object[name], want) {
			return false
		}
	}
	return true
}
