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

func (k kind) putRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPut, Path: k.one,
			Summary: "Create " + k.aName + " (If-None-Match: *) or apply it over the version that was read (If-Match)",
			Query:   []openapi.Parameter{dryRunParameter(), forceParameter()},
			Headers: []openapi.Parameter{
				{Name: "If-None-Match", Doc: "*: there must be none yet"},
				{Name: "If-Match", Doc: "the ETag that was read, or *: there must be one"},
			},
			Accepts: openapi.Content{Types: []string{mediaJSON, mediaYAML}, Schema: k.schema},
			Answers: jsonOf(k.schema), Status: http.StatusOK,
		},
		change: "apply", needs: needs(k.resource, "get", "create", "patch"), serve: k.put,
	}
}

// put says what the object is to be, and what it must be before. Without the latter, the
// last of two writers would win without a word.
func (k kind) put(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	if _, err := mediaOf(r, mediaJSON, mediaYAML); err != nil {
		return err
	}
	object, err := k.read(r)
	if err != nil {
		return err
	}
	match, none := r.Header.Get("If-Match") != "", r.Header.Get("If-None-Match")
	switch {
	case match && none != "":
		return problem.New(http.StatusBadRequest, "If-Match and If-None-Match exclude each other")
	case match:
		return k.replace(w, r, user, object)
	case none == "*":
		return k.putNew(w, r, user, object)
	}
	return problem.New(http.StatusPreconditionRequired, "send If-None-Match: * to create, or If-Match with the ETag that you read to change")
}

func (k kind) putNew(w http.ResponseWriter, r *http.Request, user *kube.UserClient, object *unstructured.Unstructured) error {
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	err = createObject(r.Context(), user, object, dry)
	if apierrors.IsAlreadyExists(err) {
		return failed("there is " + k.aName + " of this name already")
	}
	if err != nil {
		return attempted("create", err)
	}
	return writeObject(w, http.StatusCreated, object)
}

// replace applies over the version that the client has seen. Fields that this API owned
// and the body leaves out go; what others own stays. Who takes any version is not to learn
// of others who write at the same time, such as the controller.
func (k kind) replace(w http.ResponseWriter, r *http.Request, user *kube.UserClient, object *unstructured.Unstructured) error {
	options, dry, err := applyOptions(r)
	if err != nil {
		return err
	}
	var applied *unstructured.Unstructured
	for range tries {
		applied = object.DeepCopy()
		err = k.tryReplace(r, user, applied, options, dry)
		if r.Header.Get("If-Match") != "*" || !overtaken(err) {
			break
		}
	}
	if err != nil {
		return k.unmet(r, err)
	}
	return writeObject(w, http.StatusOK, applied)
}

func (k kind) tryReplace(r *http.Request, user *kube.UserClient, object *unstructured.Unstructured, options []client.PatchOption, dry bool) error {
	live, err := k.matching(r, user)
	if err != nil {
		return err
	}
	if !dry {
		if err := own(r.Context(), user, live); err != nil {
			return attempted("patch", err)
		}
	}
	// With the uid nothing is made anew that has been deleted in between.
	object.SetUID(live.GetUID())
	object.SetResourceVersion(live.GetResourceVersion())
	return attempted("patch", apply(r.Context(), user, object, options))
}

// matching reads the live object, which If-Match must match.
func (k kind) matching(r *http.Request, user *kube.UserClient) (*unstructured.Unstructured, error) {
	version, anyVersion, err := ifMatch(r)
	if err != nil {
		return nil, err
	}
	live := k.named(r)
	err = user.Get(r.Context(), client.ObjectKeyFromObject(live), live)
	switch {
	case apierrors.IsNotFound(err):
		return nil, failed("there is no " + k.name + " of this name")
	case err != nil:
		return nil, attempted("get", err)
	case !anyVersion && live.GetResourceVersion() != version:
		return nil, failed("the " + k.name + " has changed since it was read: its ETag is " + etag(live))
	}
	return live, nil
}

// overtaken tells a version that others have overtaken from a field that others own.
func overtaken(err error) bool {
	return apierrors.IsConflict(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict)
}

// unmet makes a precondition's failure of what Kubernetes answers to a request with
// If-Match.
func (k kind) unmet(r *http.Request, err error) error {
	switch {
	case r.Header.Get("If-Match") == "":
		return err
	case apierrors.IsNotFound(err):
		return failed("there is no " + k.name + " of this name")
	case overtaken(err):
		return failed("the object has changed since it was read")
	}
	return err
}
