package resources

import (
	"context"
	"net/http"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
)

// writer writes an object over the live version, and returns the result.
type writer func(ctx context.Context, user *kube.UserClient, live, object *unstructured.Unstructured, options []client.PatchOption) (*unstructured.Unstructured, error)

// replace writes over the version that If-Match names. A client that sends * has read none: its body
// is applied.
func (k Kind) replace(w http.ResponseWriter, r *http.Request, user *kube.UserClient, object *unstructured.Unstructured, write writer) error {
	if precondition, err := rest.IfMatch(r); err == nil && precondition.IsAny() {
		write = applyOver
	}
	options, dryRun, err := applyOptions(r)
	if err != nil {
		return err
	}
	var applied *unstructured.Unstructured
	err = k.ifMatch(r, user, func(ctx context.Context, live *unstructured.Unstructured) (err error) {
		if !dryRun {
			if err := ownByApply(ctx, user, live); err != nil {
				return rest.WithVerb("patch", err)
			}
		}
		applied, err = write(ctx, user, live, object, options)
		return err
	})
	if err != nil {
		return err
	}
	return k.write(w, r, http.StatusOK, applied)
}

// applyOver applies over a version. Fields that this API owned and the body leaves out are removed;
// those of other managers stay.
func applyOver(ctx context.Context, user *kube.UserClient, live, object *unstructured.Unstructured, options []client.PatchOption) (*unstructured.Unstructured, error) {
	applied := object.DeepCopy()
	// With the uid, an object that was deleted meanwhile is not created anew.
	applied.SetUID(live.GetUID())
	applied.SetResourceVersion(live.GetResourceVersion())
	return applied, rest.WithVerb("patch", apply(ctx, user, applied, options))
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
		return document, rest.WithVerb("patch", apply(ctx, user, document, options))
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
	return apply(ctx, user, document, options)
}
