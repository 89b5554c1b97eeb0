package api

import (
	"context"
	"net/http"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
)

func (k kind) createRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPost, Path: k.many, Summary: "Create " + k.aName,
			Query:   []openapi.Parameter{dryRunParameter()},
			Accepts: openapi.Content{Types: []string{mediaJSON, mediaYAML}, Schema: k.schema},
			Answers: jsonOf(k.schema), Status: http.StatusCreated,
		},
		change: "create", needs: needs(k.resource, "create"), serve: k.create,
	}
}

func (k kind) create(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	if _, err := mediaOf(r, mediaJSON, mediaYAML); err != nil {
		return err
	}
	object, err := k.read(r)
	if err != nil {
		return err
	}
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	if err := createObject(r.Context(), user, object, dry); err != nil {
		return err
	}
	w.Header().Set("Location", k.pathTo(object))
	return writeObject(w, http.StatusCreated, object)
}

// createObject makes an object that must not be there yet. An apply could not say so.
func createObject(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured, dry bool) error {
	options := []client.CreateOption{manager, client.FieldValidation(metav1.FieldValidationStrict)}
	if dry {
		return user.Create(ctx, object, append(options, client.DryRunAll)...)
	}
	if err := user.Create(ctx, object, options...); err != nil {
		return err
	}
	// The object is there, whatever becomes of this; the first apply would try again.
	if err := own(ctx, user, object); err != nil {
		logr.FromContextOrDiscard(ctx).Info("left the fields of a new object to its first apply", "reason", err.Error())
	}
	return nil
}

// own turns the fields that this API has created into such as it has applied: a later
// apply that omits one would not remove it otherwise. It asks nothing if there are none.
func own(ctx context.Context, user *kube.UserClient, object *unstructured.Unstructured) error {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(object, sets.New(string(manager)), string(manager))
	if err != nil || patch == nil {
		return err
	}
	return user.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch))
}
