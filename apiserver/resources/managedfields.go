package resources

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/dudaji/nufi/apiserver/kube"
)

// ownByApply records the fields that this API has created as applied. Otherwise a later apply
// that omits one would not remove it. It makes no call if there are none.
func ownByApply(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured) error {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(object, sets.New(string(FieldManager)), string(FieldManager))
	if err != nil || patch == nil {
		return err
	}
	return user.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch))
}

// keepManaged adds the fields to the document that only an operation of this API changes.
func (k Kind) keepManaged(live, document *unstructured.Unstructured) {
	for _, entry := range live.GetManagedFields() {
		if k.KeptManager == "" || entry.Manager != string(k.KeptManager) {
			continue
		}
		fieldsOf(entry).Leaves().Iterate(func(path fieldpath.Path) {
			names := make([]string, len(path))
			for i, element := range path {
				if element.FieldName == nil {
					return
				}
				names[i] = *element.FieldName
			}
			value, isSet, _ := unstructured.NestedFieldCopy(live.Object, names...)
			if _, exists, err := unstructured.NestedFieldNoCopy(document.Object, names...); isSet && !exists && err == nil {
				_ = unstructured.SetNestedField(document.Object, value, names...) // A part with another type is an error of the document.
			}
		})
	}
}

// overwrite returns the live object with the spec of the document, and with its labels and
// annotations over those of other managers.
func overwrite(live, document *unstructured.Unstructured) *unstructured.Unstructured {
	result := live.DeepCopy()
	delete(result.Object, "spec")
	if spec, exists := document.DeepCopy().Object["spec"]; exists {
		result.Object["spec"] = spec
	}
	own := &fieldpath.Set{}
	for _, entry := range live.GetManagedFields() {
		if isOwn(entry) {
			own = own.Union(fieldsOf(entry))
		}
	}
	merge := func(field string, current, desired map[string]string) map[string]string {
		maps.DeleteFunc(current, func(name, _ string) bool { return own.Has(fieldpath.MakePathOrDie("metadata", field, name)) })
		if current == nil {
			current = map[string]string{}
		}
		maps.Copy(current, desired)
		return current
	}
	result.SetLabels(merge("labels", live.GetLabels(), document.GetLabels()))
	result.SetAnnotations(merge("annotations", live.GetAnnotations(), document.GetAnnotations()))
	return result
}

func isOwn(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == string(FieldManager) && entry.Subresource == ""
}

// lostFields returns the fields that other managers own before a write and not after it, as the
// causes of a conflict, and whether there are any.
func lostFields(before, after *unstructured.Unstructured) (lost bool, conflicts []metav1.StatusCause) {
	for _, entry := range before.GetManagedFields() {
		if isOwn(entry) {
			continue
		}
		remaining := &fieldpath.Set{}
		for _, other := range after.GetManagedFields() {
			if other.Manager == entry.Manager && other.Operation == entry.Operation && other.Subresource == entry.Subresource {
				remaining = remaining.Union(fieldsOf(other))
			}
		}
		fieldsOf(entry).Difference(remaining).Leaves().Iterate(func(path fieldpath.Path) {
			lost = true
			if entry.Manager != string(FieldManager) {
				conflicts = append(conflicts, metav1.StatusCause{
					Type: metav1.CauseTypeFieldManagerConflict, Field: path.String(), Message: `conflict with "` + entry.Manager + `"`,
				})
			}
		})
	}
	slices.SortFunc(conflicts, func(a, b metav1.StatusCause) int { return strings.Compare(a.Field+a.Message, b.Field+b.Message) })
	return lost, slices.Compact(conflicts)
}

// fieldsOf returns the fields of an entry of managedFields.
func fieldsOf(entry metav1.ManagedFieldsEntry) *fieldpath.Set {
	fields := &fieldpath.Set{}
	if entry.FieldsV1 == nil || entry.Subresource == "status" || fields.FromJSON(bytes.NewReader([]byte(entry.FieldsV1.GetRawString()))) != nil {
		return &fieldpath.Set{}
	}
	return fields
}
