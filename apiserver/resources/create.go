package resources

import (
	"context"
	"net/http"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
)

func (k Kind) createRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "create" + k.Name, Method: http.MethodPost, Path: k.CollectionPath, Summary: "Create " + k.WithArticle,
			Query:   []openapi.Parameter{rest.DryRunParameter()},
			Accepts: []openapi.Content{{Types: []string{rest.MediaJSON, rest.MediaYAML}, Schema: k.InputSchema}},
			HasETag: true, Returns: rest.JSON(k.Schema), Status: http.StatusCreated,
		},
		Change: "create", Needs: rest.Needs(k.Resource, "create"), Handler: k.create,
	}
}

func (k Kind) create(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	object, err := k.Read(r, rest.MediaJSON, rest.MediaYAML)
	if err != nil {
		return err
	}
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	if err := createObject(r.Context(), user, object, dryRun); err != nil {
		return err
	}
	w.Header().Set("Location", k.pathTo(object))
	return k.write(w, r, http.StatusCreated, object)
}

// createObject creates an object that must not exist yet, which an apply cannot express.
func createObject(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, dryRun bool) error {
	options := []client.CreateOption{FieldManager, client.FieldValidation(metav1.FieldValidationStrict)}
	if dryRun {
		return user.Create(ctx, object, append(options, client.DryRunAll)...)
	}
	if err := user.Create(ctx, object, options...); err != nil {
		return err
	}
	// The object exists even if this fails, and the first apply retries it.
	if err := ownByApply(ctx, user, object); err != nil {
		logr.FromContextOrDiscard(ctx).Info("Left the fields of a new object to its first apply", "reason", err.Error())
	}
	return nil
}
