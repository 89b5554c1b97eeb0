package api

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

func putRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPut, Path: pathOne,
			Summary: "Create an NpuDeploy (If-None-Match: *) or apply it over the version that was read (If-Match)",
			Query:   []openapi.Parameter{dryRunParameter(), forceParameter()},
			Headers: []openapi.Parameter{
				{Name: "If-None-Match", Doc: "*: there must be none yet"},
				{Name: "If-Match", Doc: "the ETag that was read, or *: there must be one"},
			},
			Accepts: openapi.Content{Types: []string{mediaJSON, mediaYAML}, Schema: refNpuDeploy},
			Answers: jsonOf(refNpuDeploy), Status: http.StatusOK,
		},
		change: "apply", needs: needs(resource, "get", "create", "patch"), serve: put,
	}
}

// put says what the object is to be, and what it must be before. Without the latter, the
// last of two writers would win without a word.
func put(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	if _, err := mediaOf(r, mediaJSON, mediaYAML); err != nil {
		return err
	}
	deploy, err := readDeploy(r)
	if err != nil {
		return err
	}
	match, none := r.Header.Get("If-Match") != "", r.Header.Get("If-None-Match")
	switch {
	case match && none == "":
		return replace(w, r, user, deploy)
	case none == "*" && !match:
		return putNew(w, r, user, deploy)
	}
	return problem.New(http.StatusPreconditionRequired, "send If-None-Match: * to create, or If-Match with the ETag that you read to change")
}

func putNew(w http.ResponseWriter, r *http.Request, user *kube.UserClient, deploy *unstructured.Unstructured) error {
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	err = createDeploy(r.Context(), user, deploy, dry)
	if apierrors.IsAlreadyExists(err) {
		return failed("there is an NpuDeploy of this name already")
	}
	if err != nil {
		return attempted("create", err)
	}
	return writeDeploy(w, http.StatusCreated, deploy)
}

// replace applies over the version that the client has seen. Fields that this API owned
// and the body leaves out go; what others own stays.
func replace(w http.ResponseWriter, r *http.Request, user *kube.UserClient, deploy *unstructured.Unstructured) error {
	options, dry, err := applyOptions(r)
	if err != nil {
		return err
	}
	live, err := matching(r, user)
	if err != nil {
		return err
	}
	if !dry {
		if err := own(r.Context(), user, live); err != nil {
			return attempted("patch", asPrecondition(err))
		}
	}
	// With the uid nothing is made anew that has been deleted in between.
	deploy.SetUID(live.GetUID())
	deploy.SetResourceVersion(live.GetResourceVersion())
	if err := apply(r.Context(), user, deploy, options); err != nil {
		return attempted("patch", asPrecondition(err))
	}
	return writeDeploy(w, http.StatusOK, deploy)
}

// matching reads the live object, which If-Match must match.
func matching(r *http.Request, user *kube.UserClient) (*unstructured.Unstructured, error) {
	version, anyVersion, err := ifMatch(r)
	if err != nil {
		return nil, err
	}
	live := named(r)
	err = user.Get(r.Context(), client.ObjectKeyFromObject(live), live)
	switch {
	case apierrors.IsNotFound(err):
		return nil, failed("there is no NpuDeploy of this name")
	case err != nil:
		return nil, attempted("get", err)
	case !anyVersion && live.GetResourceVersion() != version:
		return nil, failed("the NpuDeploy has changed since it was read: its ETag is " + etag(live))
	}
	return live, nil
}

// asPrecondition tells a version that has been overtaken from a field that others own.
func asPrecondition(err error) error {
	if !apierrors.IsConflict(err) || apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
		return err
	}
	return failed("the NpuDeploy has changed since it was read")
}
