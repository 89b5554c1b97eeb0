package resources

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
)

// Preview sets object to the result of a PUT of it with the request's If-Match, or of an apply if it
// has none. Nothing is written.
func (k Kind) Preview(r *http.Request, user *kube.UserClient, object *unstructured.Unstructured) error {
	options, _, err := ApplyOptions(r)
	if err != nil {
		return err
	}
	options = append(options, client.DryRunAll)
	if !rest.HasIfMatch(r) {
		return rest.WithVerb("patch", Apply(r.Context(), user, object, options))
	}
	var result *unstructured.Unstructured
	err = k.ifMatch(r, user, func(ctx context.Context, live *unstructured.Unstructured) (err error) {
		result, err = k.writeDocument(ctx, user, live, object, options)
		return err
	})
	if err == nil {
		*object = *result
	}
	return err
}

// writeDocument writes a document over the version that a user has edited, so that the spec equals it.
// An apply would keep the fields that the document omits and other managers own. Without force these,
// and those with other values, are a conflict.
func (k Kind) writeDocument(
	ctx context.Context, user *kube.UserClient, live, document *unstructured.Unstructured, options []client.PatchOption,
) (*unstructured.Unstructured, error) {
	patchOptions := (&client.PatchOptions{}).ApplyOptions(options)
	isForced := patchOptions.Force != nil && *patchOptions.Force
	patchOptions.Force = nil // only for applies
	document = document.DeepCopy()
	if !isForced {
		k.keepManaged(live, document)
	}
	written := overwrite(live, document)
	update := func(options client.PatchOption) error {
		written.SetManagedFields(live.GetManagedFields()) // not part of the change
		return rest.WithVerb("patch", user.Patch(ctx, written, client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{}), options))
	}
	desired := written.DeepCopy()
	dryRun := *patchOptions
	dryRun.DryRun = []string{metav1.DryRunAll}
	if err := update(&dryRun); err != nil {
		return nil, err
	}
	lost, conflicts := lostFields(live, written)
	if len(conflicts) > 0 && !isForced {
		return nil, apierrors.NewApplyConflict(conflicts, "other managers own fields that the document changes or omits")
	}
	document.SetUID(live.GetUID()) // An object that was deleted meanwhile is not created anew.
	if !lost {
		document.SetResourceVersion(live.GetResourceVersion())
		return document, rest.WithVerb("patch", Apply(ctx, user, document, options))
	}
	if len(patchOptions.DryRun) > 0 {
		return written, nil
	}
	written = desired
	if err := update(patchOptions); err != nil {
		return nil, err
	}
	if err := ownDocument(ctx, user, written, document, options); err != nil {
		logr.FromContextOrDiscard(ctx).Info("Left the fields of an object to its next apply", "reason", err.Error())
		return written, nil
	}
	return document, nil
}

// ownDocument applies a document that is written, which changes nothing but the owners of fields.
func ownDocument(ctx context.Context, user *kube.UserClient, written, document *unstructured.Unstructured, options []client.PatchOption) error {
	owned := written.DeepCopy()
	if err := ownByApply(ctx, user, owned); err != nil {
		return err
	}
	document.SetResourceVersion(owned.GetResourceVersion())
	return Apply(ctx, user, document, options)
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
