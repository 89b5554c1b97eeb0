package resources

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
)

// applyOptions reads the parameters dryRun and force.
func applyOptions(r *http.Request) (options []client.PatchOption, dryRun bool, err error) {
	options = []client.PatchOption{FieldManager, client.FieldValidation(metav1.FieldValidationStrict)}
	if dryRun, err = rest.DryRun(r); err != nil {
		return nil, false, err
	}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	force, err := rest.Force(r)
	if force {
		options = append(options, client.ForceOwnership)
	}
	return options, dryRun, err
}

// apply writes object server-side, and sets it to the result.
//
// Kubernetes' server-side apply turns a map that loses its last field into null, even if the
// empty map is applied, and then rejects null as invalid. apply then writes the empty map: no other
// manager owns a field in it, or it would not be null. See applyEmptyMaps.
func apply(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, options []client.PatchOption) error {
	err := sendApply(ctx, user, object, options...)
	if isOwnConflict(err) && pin(ctx, user, object) {
		if err = sendApply(ctx, user, object, options...); isOwnConflict(err) {
			options = append(slices.Clip(options), client.ForceOwnership)
			err = sendApply(ctx, user, object, options...)
		}
	}
	if paths := rejectedEmptyMaps(err, object); len(paths) > 0 {
		return applyEmptyMaps(ctx, user, object, paths, options)
	}
	return err
}

// isOwnConflict reports whether an apply conflicts only with other operations of this API: a merge patch or an undo. To
// Kubernetes, these are another manager of the same name.
func isOwnConflict(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return false
	}
	return !slices.ContainsFunc(status.Status().Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Type != metav1.CauseTypeFieldManagerConflict || !strings.HasPrefix(cause.Message, `conflict with "`+string(FieldManager)+`"`)
	})
}

// pin binds an apply to the live version, so that it overwrites nothing that others write meanwhile. It
// returns false if the user cannot read that.
func pin(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured) bool {
	if object.GetResourceVersion() != "" {
		return true
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	err := user.Get(ctx, client.ObjectKeyFromObject(object), live)
	object.SetResourceVersion(live.GetResourceVersion())
	return err == nil
}

func sendApply(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, options ...client.PatchOption) error {
	content, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	return user.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, content), options...)
}

// rejectedEmptyMaps returns the paths of object's empty maps that Kubernetes rejected.
func rejectedEmptyMaps(err error, object *unstructured.Unstructured) [][]string {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var paths [][]string
	for _, cause := range status.Status().Details.Causes {
		path := strings.Split(cause.Field, ".")
		if value, ok, _ := unstructured.NestedMap(object.Object, path...); ok && len(value) == 0 {
			paths = append(paths, path)
		}
	}
	return paths
}

// applyEmptyMaps takes three steps. A dry run with one field left in each map returns the
// object as an apply would merge it. That object without these fields is written. Then object
// is applied over it, which changes nothing but the owners of fields.
func applyEmptyMaps(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, paths [][]string, options []client.PatchOption) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	if err := user.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil {
		return err
	}
	desired := object.DeepCopy()
	if err := copyOneField(live, object, paths); err != nil {
		return err
	}
	if err := sendApply(ctx, user, object, append(slices.Clip(options), client.DryRunAll)...); err != nil {
		return err
	}
	for _, path := range paths {
		if err := unstructured.SetNestedMap(object.Object, map[string]any{}, path...); err != nil {
			return err
		}
	}
	object.SetManagedFields(live.GetManagedFields()) // not part of the change
	patchOptions := (&client.PatchOptions{}).ApplyOptions(options)
	patchOptions.Force = nil // only for applies
	err := user.Patch(ctx, object, client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{}), patchOptions)
	if err != nil || len(patchOptions.DryRun) > 0 {
		return err
	}
	desired.SetResourceVersion(object.GetResourceVersion())
	if err := sendApply(ctx, user, desired, options...); err != nil {
		logr.FromContextOrDiscard(ctx).Info("Left the fields of an object to its next apply", "reason", err.Error())
		return nil
	}
	*object = *desired
	return nil
}

// copyOneField copies one field of each of live's maps into object.
func copyOneField(live, object *unstructured.Unstructured, paths [][]string) error {
	for _, path := range paths {
		fields, _, err := unstructured.NestedMap(live.Object, path...)
		if err != nil {
			return err
		}
		for name, value := range fields {
			if err := unstructured.SetNestedField(object.Object, value, append(slices.Clip(path), name)...); err != nil {
				return err
			}
			break
		}
	}
	return nil
}
