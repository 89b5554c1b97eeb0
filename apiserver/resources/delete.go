package resources

import (
	"context"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
)

// DeleteRoute returns the route that deletes an object.
func (k Kind) DeleteRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "delete" + k.Name, Method: http.MethodDelete, Path: k.ObjectPath, Summary: "Delete " + k.WithArticle + ", and all objects that it owns",
			Query:   []openapi.Parameter{rest.DryRunParameter()},
			Headers: []openapi.Parameter{rest.IfMatchParameter()},
			Status:  http.StatusAccepted,
		},
		Change: "delete", Needs: rest.Needs(k.Resource, "get", "delete"), Handler: k.delete,
	}
}

// delete responds when the deletion has begun. Owned objects are deleted after it.
func (k Kind) delete(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	var options []client.DeleteOption
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	if rest.HasIfMatch(r) {
		err = k.ifMatch(r, user, func(ctx context.Context, live *unstructured.Unstructured) error {
			uid, version := live.GetUID(), live.GetResourceVersion()
			return rest.WithVerb("delete", user.Delete(ctx, live, append(options, client.Preconditions{UID: &uid, ResourceVersion: &version})...))
		})
	} else {
		err = rest.WithVerb("delete", user.Delete(r.Context(), k.Object(r), options...))
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// Deletion is what a delete of an object also deletes.
type Deletion struct {
	Objects []OwnedObject `json:"objects" doc:"the objects that it owns, as the serving templates render them"`
	URL     string        `json:"url,omitempty" doc:"the address that no longer answers"`
}

// OwnedObject is an object that is deleted with its owner.
type OwnedObject struct {
	Group string `json:"group" doc:"API group; empty for Kubernetes' core"`
	Kind  string `json:"kind" doc:"kind of the object"`
	Name  string `json:"name" doc:"name of the object"`
}

// NewDeletion returns the deletion of an owner that renders to the objects.
func NewDeletion(objects []*unstructured.Unstructured, url string) Deletion {
	d := Deletion{Objects: make([]OwnedObject, len(objects)), URL: url}
	for i, object := range objects {
		d.Objects[i] = OwnedObject{object.GroupVersionKind().Group, object.GetKind(), object.GetName()}
	}
	return d
}

// Owns reports whether an object is deleted with its owner.
func (d Deletion) Owns(kind, name string) bool {
	return slices.ContainsFunc(d.Objects, func(o OwnedObject) bool { return o.Kind == kind && o.Name == name })
}
