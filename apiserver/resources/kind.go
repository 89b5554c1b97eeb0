// Package resources writes objects of dudaji.com: create, put, patch and delete, in the same
// way for each Kind. Objects pass through as Kubernetes has them, without loss, and every
// call is made as the user, so that RBAC and admission decide.
package resources

import (
	"context"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// FieldManager owns the fields that are written by way of this API.
const FieldManager = client.FieldOwner("nufi-apiserver")

// Kind is a kind of dudaji.com that users write.
type Kind struct {
	Name, WithArticle          string      // NpuDeploy, an NpuDeploy
	Resource                   string      // in RBAC's rules
	Schema, InputSchema        openapi.Ref // of responses, and of requests
	CollectionPath, ObjectPath string
	// KeptManager owns fields that a PUT does not remove, unless it is forced. It may be empty.
	KeptManager client.FieldOwner
	// CheckDryRun returns an error if the result of a dry run is one that Kubernetes accepts and
	// the controller cannot use. It may be nil.
	CheckDryRun func(ctx context.Context, object *unstructured.Unstructured) error
}

// Routes returns the routes that write objects.
func (k Kind) Routes() []rest.Route {
	return []rest.Route{k.createRoute(), k.putRoute(), k.patchRoute(), k.DeleteRoute()}
}

// Object returns the object that the path names, without content.
func (k Kind) Object(r *http.Request) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1.GroupVersion().WithKind(k.Name))
	object.SetNamespace(mux.Vars(r)["namespace"])
	object.SetName(mux.Vars(r)["name"])
	return object
}

// write responds with an object that was written, or would be if it were no dry run.
func (k Kind) write(w http.ResponseWriter, r *http.Request, status int, object *unstructured.Unstructured) error {
	if dryRun, err := rest.DryRun(r); err == nil && dryRun && k.CheckDryRun != nil {
		if err := k.CheckDryRun(r.Context(), object); err != nil {
			return err
		}
	}
	return rest.WriteObject(w, r, status, object)
}

// pathTo returns the path of an object.
func (k Kind) pathTo(object *unstructured.Unstructured) string {
	return strings.NewReplacer("{namespace}", object.GetNamespace(), "{name}", object.GetName()).Replace(k.ObjectPath)
}

// Read reads an object for the namespace and name of the path. It fills in what the body
// leaves out of these, and returns an error for other values.
func (k Kind) Read(r *http.Request, mediaTypes ...string) (*unstructured.Unstructured, error) {
	object, err := rest.ReadObject(r, mediaTypes...)
	if err != nil {
		return nil, err
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		if object["metadata"] != nil {
			return nil, problem.Invalid("metadata", "must be an object")
		}
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	for _, identity := range []struct {
		parent      map[string]any
		key, path   string
		fromRequest string
	}{
		{object, "apiVersion", "apiVersion", v1.GroupVersion().String()},
		{object, "kind", "kind", k.Name},
		{metadata, "namespace", "metadata.namespace", mux.Vars(r)["namespace"]},
		{metadata, "name", "metadata.name", mux.Vars(r)["name"]},
	} {
		if identity.fromRequest == "" {
			continue
		}
		if value := identity.parent[identity.key]; value != nil && value != any(identity.fromRequest) {
			return nil, problem.Invalid(identity.path, "must be "+identity.fromRequest+", as in the path, or absent")
		}
		identity.parent[identity.key] = identity.fromRequest
	}
	// These are Kubernetes' own, and no client can set them.
	for _, key := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"} {
		delete(metadata, key)
	}
	delete(object, "status")
	return &unstructured.Unstructured{Object: object}, nil
}
