package resources

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
)

func (k Kind) putRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "put" + k.Name, Method: http.MethodPut, Path: k.ObjectPath,
			Summary: "Create " + k.WithArticle + " (If-None-Match: *) or replace the version that was read (If-Match)",
			Query:   []openapi.Parameter{rest.DryRunParameter(), rest.ForceParameter()},
			Headers: []openapi.Parameter{
				{Name: "If-None-Match", Doc: "*: the object must not exist"},
				{Name: "If-Match", Doc: "the ETag that was read, or *: the object must exist"},
			},
			Accepts: []openapi.Content{{Types: []string{rest.MediaJSON, rest.MediaYAML}, Schema: k.InputSchema}},
			Created: true, HasETag: true, Returns: rest.JSON(k.Schema), Status: http.StatusOK,
		},
		Change: "apply", Needs: rest.Needs(k.Resource, "get", "create", "patch"), Handler: k.put,
	}
}

// put requires a precondition: without one, the last of two writers would silently win.
func (k Kind) put(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	object, err := k.Read(r, rest.MediaJSON, rest.MediaYAML)
	if err != nil {
		return err
	}
	match, none := rest.HasIfMatch(r), r.Header.Get("If-None-Match")
	switch {
	case match && none != "":
		return problem.New(http.StatusBadRequest, "If-Match and If-None-Match exclude each other")
	case match:
		return k.replace(w, r, user, object, k.writeDocument)
	case none == "*":
		return k.putNew(w, r, user, object)
	}
	return problem.New(http.StatusPreconditionRequired, "send If-None-Match: * to create, or If-Match with the ETag that you read to change")
}

func (k Kind) putNew(w http.ResponseWriter, r *http.Request, user *kube.UserClient, object *unstructured.Unstructured) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	err = createObject(r.Context(), user, object, dryRun)
	if apierrors.IsAlreadyExists(err) {
		return rest.PreconditionFailed(k.WithArticle + " of this name already exists")
	}
	if err != nil {
		return rest.WithVerb("create", err)
	}
	return k.write(w, r, http.StatusCreated, object)
}

// Preview sets object to the result of a PUT of it with the request's If-Match, or of an apply if it
// has none. Nothing is written.
func (k Kind) Preview(r *http.Request, user *kube.UserClient, object *unstructured.Unstructured) error {
	options, _, err := applyOptions(r)
	if err != nil {
		return err
	}
	options = append(options, client.DryRunAll)
	if !rest.HasIfMatch(r) {
		return rest.WithVerb("patch", apply(r.Context(), user, object, options))
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
