package api

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

func (k kind) patchRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPatch, Path: k.one,
			Summary: "Change " + k.aName + " by a merge patch, or apply some of its fields",
			Query:   []openapi.Parameter{dryRunParameter(), forceParameter()},
			Headers: []openapi.Parameter{{Name: "If-Match", Doc: "the ETag that was read; absent: any"}},
			Accepts: openapi.Content{Types: []string{mediaMerge, mediaApply}, Schema: map[string]any{"type": "object"}},
			Answers: jsonOf(k.schema), Status: http.StatusOK,
		},
		change: "patch", needs: needs(k.resource, "get", "patch"), serve: k.patch,
	}
}

// patch is never the making of an object: an apply is held to the live one.
func (k kind) patch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	media, err := mediaOf(r, mediaMerge, mediaApply)
	if err != nil {
		return err
	}
	if media == mediaMerge {
		return k.mergePatch(w, r, user)
	}
	object, err := k.read(r)
	if err != nil {
		return err
	}
	if r.Header.Get("If-Match") != "" {
		return k.replace(w, r, user, object)
	}
	live := k.named(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(live), live); err != nil {
		return err
	}
	options, _, err := applyOptions(r)
	if err != nil {
		return err
	}
	object.SetUID(live.GetUID())
	if err := apply(r.Context(), user, object, options); err != nil {
		return err
	}
	return writeObject(w, http.StatusOK, object)
}

func (k kind) mergePatch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	if r.URL.Query().Has("force") {
		return problem.New(http.StatusBadRequest, "force is for "+mediaApply)
	}
	change, err := readObject(r)
	if err != nil {
		return err
	}
	if version, _, err := ifMatch(r); err != nil {
		return err
	} else if version != "" {
		if err := unstructured.SetNestedField(change, version, "metadata", "resourceVersion"); err != nil {
			return problem.Invalid("metadata", "has to be an object")
		}
	}
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	object := k.named(r)
	if err := merge(r.Context(), user, object, change, manager, dry); err != nil {
		return attempted("patch", k.unmet(r, err))
	}
	return writeObject(w, http.StatusOK, object)
}

// merge sends a merge patch, and reads what became of object.
func merge(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, change map[string]any, owner client.FieldOwner, dry bool) error {
	content, err := json.Marshal(change)
	if err != nil {
		return err
	}
	options := []client.PatchOption{owner, client.FieldValidation(metav1.FieldValidationStrict)}
	if dry {
		options = append(options, client.DryRunAll)
	}
	return user.Patch(ctx, object, client.RawPatch(types.MergePatchType, content), options...)
}

// apply is a server-side apply of object, which becomes what came of it.
func apply(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, options []client.PatchOption) error {
	err := sendApply(ctx, user, object, options...)
	if emptied := emptiedBy(err, object); len(emptied) > 0 {
		return applyEmptied(ctx, user, object, emptied, options)
	}
	return err
}

func sendApply(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, options ...client.PatchOption) error {
	content, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	return user.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, content), options...)
}

func applyOptions(r *http.Request) (options []client.PatchOption, dry bool, err error) {
	options = []client.PatchOption{manager, client.FieldValidation(metav1.FieldValidationStrict)}
	if dry, err = dryRun(r); err != nil {
		return nil, false, err
	}
	if dry {
		options = append(options, client.DryRunAll)
	}
	forced, err := force(r)
	if forced {
		options = append(options, client.ForceOwnership)
	}
	return options, dry, err
}
