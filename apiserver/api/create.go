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

func createRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPost, Path: pathMany, Summary: "Create an NpuDeploy",
			Query:   []openapi.Parameter{dryRunParameter()},
			Accepts: openapi.Content{Types: []string{mediaJSON, mediaYAML}, Schema: refNpuDeploy},
			Answers: jsonOf(refNpuDeploy), Status: http.StatusCreated,
		},
		change: "create", needs: needs(resource, "create"), serve: create,
	}
}

func create(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	if _, err := mediaOf(r, mediaJSON, mediaYAML); err != nil {
		return err
	}
	deploy, err := readDeploy(r)
	if err != nil {
		return err
	}
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	if err := createDeploy(r.Context(), user, deploy, dry); err != nil {
		return err
	}
	w.Header().Set("Location", prefix+"/namespaces/"+deploy.GetNamespace()+"/npudeploys/"+deploy.GetName())
	return writeDeploy(w, http.StatusCreated, deploy)
}

// createDeploy makes an object that must not be there yet. An apply could not say so.
func createDeploy(ctx context.Context, user *kube.UserClient, deploy *unstructured.Unstructured, dry bool) error {
	options := []client.CreateOption{manager, client.FieldValidation(metav1.FieldValidationStrict)}
	if dry {
		return user.Create(ctx, deploy, append(options, client.DryRunAll)...)
	}
	if err := user.Create(ctx, deploy, options...); err != nil {
		return err
	}
	// The object is there, whatever becomes of this; the first apply would try again.
	if err := own(ctx, user, deploy); err != nil {
		logr.FromContextOrDiscard(ctx).Info("left the fields of a new object to its first apply", "reason", err.Error())
	}
	return nil
}

// own turns the fields that this API has created into such as it has applied: a later
// apply that omits one would not remove it otherwise. It asks nothing if there are none.
func own(ctx context.Context, user *kube.UserClient, deploy *unstructured.Unstructured) error {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(deploy, sets.New(string(manager)), string(manager))
	if err != nil || patch == nil {
		return err
	}
	return user.Patch(ctx, deploy, client.RawPatch(types.JSONPatchType, patch))
}
