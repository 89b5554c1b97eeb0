package api

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// resource is NpuDeploys' name in RBAC.
const resource = "npudeploys"

// manager owns the fields that come by way of this API.
const manager = client.FieldOwner("nufi-apiserver")

// The paths below which NpuDeploys are.
const (
	pathAll  = prefix + "/npudeploys"
	pathMany = prefix + "/namespaces/{namespace}/npudeploys"
	pathOne  = pathMany + "/{name}"
)

func npuDeploys() kind {
	return kind{name: v1.Kind, aName: "an NpuDeploy", resource: resource, schema: refNpuDeploy, many: pathMany, one: pathOne}
}

// needs is a permission of dudaji.com that a route takes.
func needs(resource string, verbs ...string) []need {
	needs := make([]need, len(verbs))
	for i, verb := range verbs {
		needs[i] = need{verb: verb, group: v1.Group, resource: resource}
	}
	return needs
}

func dryRunParameter() openapi.Parameter {
	return openapi.Parameter{Name: "dryRun", Doc: "All: check everything and write nothing"}
}

func forceParameter() openapi.Parameter {
	return openapi.Parameter{Name: "force", Doc: "true: take over the fields that others own"}
}

// dryRun says whether nothing is to be written.
func dryRun(r *http.Request) (bool, error) {
	switch r.URL.Query().Get("dryRun") {
	case "":
		return false, nil
	case metav1.DryRunAll:
		return true, nil
	}
	return false, problem.New(http.StatusBadRequest, "dryRun has to be All, or absent")
}

func force(r *http.Request) (bool, error) { return isSet(r, "force") }

// named is the NpuDeploy of the path, still without content.
func named(r *http.Request) *unstructured.Unstructured { return npuDeploys().named(r) }

// readDeploy reads an NpuDeploy for the path.
func readDeploy(r *http.Request) (*unstructured.Unstructured, error) { return npuDeploys().read(r) }

// writeIfChanged answers with an object, or says that the client has it already.
func writeIfChanged(w http.ResponseWriter, r *http.Request, object client.Object) error {
	if notModified(w, r, object) {
		return nil
	}
	return writeObject(w, http.StatusOK, object)
}

// notModified answers a client that has this version already.
func notModified(w http.ResponseWriter, r *http.Request, object metav1.Object) bool {
	if !has(r, etag(object)) {
		return false
	}
	w.Header().Set("ETag", etag(object))
	w.WriteHeader(http.StatusNotModified)
	return true
}

// writeObject answers with an object as Kubernetes has it, without the record of who owns
// which field, which is longer than the rest.
func writeObject(w http.ResponseWriter, status int, object client.Object) error {
	w.Header().Set("ETag", etag(object))
	object.SetManagedFields(nil)
	return writeJSON(w, status, object)
}
