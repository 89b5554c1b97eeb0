package resources

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
	"github.com/dudaji/nufi/apiserver/rest"
)

func (k Kind) patchRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "patch" + k.Name, Method: http.MethodPatch, Path: k.ObjectPath,
			Summary: "Change " + k.WithArticle + " by a merge patch, or apply some of its fields",
			Query:   []openapi.Parameter{rest.DryRunParameter(), rest.ForceParameter()},
			Headers: []openapi.Parameter{rest.IfMatchParameter()},
			Accepts: []openapi.Content{
				{Types: []string{rest.MediaMergePatch}, Schema: map[string]any{
					"type": "object", "additionalProperties": true, "description": "The fields to change. null removes a field.",
				}},
				{Types: []string{rest.MediaApplyPatch}, Schema: k.InputSchema},
			},
			HasETag: true, Returns: rest.JSON(k.Schema), Status: http.StatusOK,
		},
		Change: "patch", Needs: rest.Needs(k.Resource, "get", "patch"), Handler: k.patch,
	}
}

// patch never creates an object: an apply is bound to the live one.
func (k Kind) patch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	media, err := rest.MediaType(r, rest.MediaMergePatch, rest.MediaApplyPatch)
	if err != nil {
		return err
	}
	if media == rest.MediaMergePatch {
		return k.mergePatch(w, r, user)
	}
	object, err := k.Read(r, rest.MediaApplyPatch)
	if err != nil {
		return err
	}
	if rest.HasIfMatch(r) {
		return k.replace(w, r, user, object, applyOver)
	}
	live := k.Object(r)
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
	return k.write(w, r, http.StatusOK, object)
}

func (k Kind) mergePatch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	if r.URL.Query().Has("force") {
		return problem.New(http.StatusBadRequest, "force is for "+rest.MediaApplyPatch)
	}
	change, err := rest.ReadObject(r, rest.MediaMergePatch)
	if err != nil {
		return err
	}
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	object := k.Object(r)
	merge := func(ctx context.Context) error {
		return rest.WithVerb("patch", Merge(ctx, user, object, change, FieldManager, dryRun))
	}
	if rest.HasIfMatch(r) {
		err = k.ifMatch(r, user, func(ctx context.Context, live *unstructured.Unstructured) error {
			if err := unstructured.SetNestedField(change, live.GetResourceVersion(), "metadata", "resourceVersion"); err != nil {
				return problem.Invalid("metadata", "must be an object")
			}
			return merge(ctx)
		})
	} else {
		err = merge(r.Context())
	}
	if err != nil {
		return err
	}
	return k.write(w, r, http.StatusOK, object)
}

// Merge sends a merge patch, and sets object to the result.
func Merge(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, change map[string]any, owner client.FieldOwner, dryRun bool) error {
	content, err := json.Marshal(change)
	if err != nil {
		return err
	}
	options := []client.PatchOption{owner, client.FieldValidation(metav1.FieldValidationStrict)}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	return user.Patch(ctx, object, client.RawPatch(types.MergePatchType, content), options...)
}
