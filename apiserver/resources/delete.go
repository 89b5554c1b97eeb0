package resources

import (
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
)

// DeleteRoute returns the route that deletes an object.
func (k Kind) DeleteRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			Method: http.MethodDelete, Path: k.ObjectPath, Summary: "Delete " + k.WithArticle + ", and all objects that it owns",
			Query:   []openapi.Parameter{rest.DryRunParameter()},
			Headers: []openapi.Parameter{rest.IfMatchParameter()},
			Status:  http.StatusAccepted,
		},
		Change: "delete", Needs: rest.Needs(k.Resource, "delete"), Handler: k.delete,
	}
}

// delete responds when the deletion has begun. Owned objects are deleted after it.
func (k Kind) delete(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	version, _, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	var options []client.DeleteOption
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	if version != "" {
		options = append(options, client.Preconditions{ResourceVersion: &version})
	}
	if err := user.Delete(r.Context(), k.Object(r), options...); err != nil {
		return k.preconditionFailed(r, err)
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
