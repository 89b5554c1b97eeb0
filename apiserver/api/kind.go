package api

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/openapi"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// kind is a kind of dudaji.com that people write. Each verb is served in one way for all
// of them: create, put, patch and delete.
type kind struct {
	name, aName string // as manifests say it, and with its article
	resource    string // as RBAC says it
	schema      openapi.Ref
	many, one   string // the paths of all, and of one by its name
}

// writeRoutes are those of the verbs that change an object.
func (k kind) writeRoutes() []route {
	return []route{k.createRoute(), k.putRoute(), k.patchRoute(), k.deleteRoute()}
}

// named is the object of the path, still without content.
func (k kind) named(r *http.Request) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1.GroupVersion().WithKind(k.name))
	object.SetNamespace(mux.Vars(r)["namespace"])
	object.SetName(mux.Vars(r)["name"])
	return object
}

// pathTo is where an object is served.
func (k kind) pathTo(object *unstructured.Unstructured) string {
	return strings.NewReplacer("{namespace}", object.GetNamespace(), "{name}", object.GetName()).Replace(k.one)
}
