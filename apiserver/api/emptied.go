package api

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
)

// Kubernetes' server-side apply makes null of a map that it takes the last field out of,
// also where what is applied is the empty map, and then finds null invalid. What is meant
// is the empty map: nobody else owns a field in it, or it would not be null.

// emptiedBy are the paths of the empty maps in object that err is about.
func emptiedBy(err error, object *unstructured.Unstructured) [][]string {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var found [][]string
	for _, cause := range status.Status().Details.Causes {
		path := strings.Split(cause.Field, ".")
		if value, is, _ := unstructured.NestedMap(object.Object, path...); is && len(value) == 0 {
			found = append(found, path)
		}
	}
	return found
}

// applyEmptied writes what Kubernetes would make of object if a field were left in each of
// the maps, without these fields, and then applies object over it, which changes nothing but
// who owns what.
func applyEmptied(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, paths [][]string, options []client.PatchOption) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	if err := user.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil {
		return err
	}
	asked := object.DeepCopy()
	if err := fillFrom(live, object, paths); err != nil {
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
	object.SetManagedFields(live.GetManagedFields()) // no part of the change
	merged := (&client.PatchOptions{}).ApplyOptions(options)
	merged.Force = nil // was for the apply
	err := user.Patch(ctx, object, client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{}), merged)
	if err != nil || len(merged.DryRun) > 0 {
		return err
	}
	asked.SetResourceVersion(object.GetResourceVersion())
	if err := sendApply(ctx, user, asked, options...); err != nil {
		logr.FromContextOrDiscard(ctx).Info("left the fields of an object to its next apply", "reason", err.Error())
		return nil
	}
	*object = *asked
	return nil
}

// fillFrom puts one field of each of live's maps into object.
func fillFrom(live, object *unstructured.Unstructured, paths [][]string) error {
	for _, path := range paths {
		fields, _, err := unstructured.NestedMap(live.Object, path...)
		if err != nil {
			return err
		}
		for name, value := range fields {
			if err := unstructured.SetNestedField(object.Object, value, append(slices.Clip(path), name)...); err != nil {
				return err
			}
			break // any of them will do
		}
	}
	return nil
}
