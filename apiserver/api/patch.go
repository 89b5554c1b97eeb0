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

func patchRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPatch, Path: pathOne,
			Summary: "Change an NpuDeploy by a merge patch, or apply some of its fields",
			Query:   []openapi.Parameter{dryRunParameter(), forceParameter()},
			Headers: []openapi.Parameter{{Name: "If-Match", Doc: "the ETag that was read; absent: any"}},
			Accepts: openapi.Content{Types: []string{mediaMerge, mediaApply}, Schema: map[string]any{"type": "object"}},
			Answers: jsonOf(refNpuDeploy), Status: http.StatusOK,
		},
		change: "patch", needs: needs(resource, "get", "patch"), serve: patch,
	}
}

// patch is never the making of an object: an apply is held to the live one.
func patch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	media, err := mediaOf(r, mediaMerge, mediaApply)
	if err != nil {
		return err
	}
	if media == mediaMerge {
		return mergePatch(w, r, user)
	}
	deploy, err := readDeploy(r)
	if err != nil {
		return err
	}
	if r.Header.Get("If-Match") != "" {
		return replace(w, r, user, deploy)
	}
	live := named(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(live), live); err != nil {
		return err
	}
	options, _, err := applyOptions(r)
	if err != nil {
		return err
	}
	deploy.SetUID(live.GetUID())
	if err := apply(r.Context(), user, deploy, options); err != nil {
		return err
	}
	return writeDeploy(w, http.StatusOK, deploy)
}

func mergePatch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
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
	deploy := named(r)
	if err := merge(r.Context(), user, deploy, change, manager, dry); err != nil {
		if r.Header.Get("If-Match") != "" {
			return asPrecondition(err)
		}
		return err
	}
	return writeDeploy(w, http.StatusOK, deploy)
}

// merge sends a merge patch, and reads what became of deploy.
func merge(ctx context.Context, user *kube.UserClient, deploy *unstructured.Unstructured, change map[string]any, owner client.FieldOwner, dry bool) error {
	content, err := json.Marshal(change)
	if err != nil {
		return err
	}
	options := []client.PatchOption{owner, client.FieldValidation(metav1.FieldValidationStrict)}
	if dry {
		options = append(options, client.DryRunAll)
	}
	return user.Patch(ctx, deploy, client.RawPatch(types.MergePatchType, content), options...)
}

// apply sends deploy as a server-side apply, and reads what became of it.
func apply(ctx context.Context, user *kube.UserClient, deploy *unstructured.Unstructured, options []client.PatchOption) error {
	content, err := deploy.MarshalJSON()
	if err != nil {
		return err
	}
	return user.Patch(ctx, deploy, client.RawPatch(types.ApplyPatchType, content), options...)
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
