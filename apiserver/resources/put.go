package resources

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
)

// MaxAttempts bounds how often a change is tried on the newest version of an object.
const MaxAttempts = 5

func (k Kind) putRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "put" + k.Name, Method: http.MethodPut, Path: k.ObjectPath,
			Summary: "Create " + k.WithArticle + " (If-None-Match: *) or replace the version that was read (If-Match)",
			Query:   []openapi.Parameter{rest.DryRunParameter(), rest.ForceParameter()},
			Headers: []openapi.Parameter{
				{Name: "If-None-Match", Doc: "*: the object must not exist"},
				{Name: "If-Match", Doc: "the ETag that was read, or *: the object must exist"},
			},
			Accepts: []openapi.Content{{Types: []string{rest.MediaJSON, rest.MediaYAML}, Schema: k.InputSchema}},
			Created: true, HasETag: true, Answers: rest.JSON(k.Schema), Status: http.StatusOK,
		},
		Change: "apply", Needs: rest.Needs(k.Resource, "get", "create", "patch"), Handler: k.put,
	}
}

// put requires a precondition: without one, the last of two writers would silently win.
func (k Kind) put(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	object, err := k.Read(r, rest.MediaJSON, rest.MediaYAML)
	if err != nil {
		return err
	}
	match, none := rest.HasIfMatch(r), r.Header.Get("If-None-Match")
	switch {
	case match && none != "":
		return problem.New(http.StatusBadRequest, "If-Match and If-None-Match exclude each other")
	case match:
		return k.replace(w, r, user, object, k.writeDocument)
	case none == "*":
		return k.putNew(w, r, user, object)
	}
	return problem.New(http.StatusPreconditionRequired, "send If-None-Match: * to create, or If-Match with the ETag that you read to change")
}

func (k Kind) putNew(w http.ResponseWriter, r *http.Request, user *kube.UserClient, object *unstructured.Unstructured) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	err = createObject(r.Context(), user, object, dryRun)
	if apierrors.IsAlreadyExists(err) {
		return rest.PreconditionFailed(k.WithArticle + " of this name already exists")
	}
	if err != nil {
		return rest.WithVerb("create", err)
	}
	return k.write(w, r, http.StatusCreated, object)
}

// writer writes an object over the live version, and returns the result.
type writer func(ctx context.Context, user *kube.UserClient, live, object *unstructured.Unstructured, options []client.PatchOption) (*unstructured.Unstructured, error)

// applyOver applies over a version. Fields that this API owned and the body leaves out are removed;
// those of other managers stay.
func applyOver(ctx context.Context, user *kube.UserClient, live, object *unstructured.Unstructured, options []client.PatchOption) (*unstructured.Unstructured, error) {
	applied := object.DeepCopy()
	// With the uid, an object that was deleted meanwhile is not created anew.
	applied.SetUID(live.GetUID())
	applied.SetResourceVersion(live.GetResourceVersion())
	return applied, rest.WithVerb("patch", Apply(ctx, user, applied, options))
}

// replace writes over the version that If-Match names. A client that sends * has read none: its body
// is applied.
func (k Kind) replace(w http.ResponseWriter, r *http.Request, user *kube.UserClient, object *unstructured.Unstructured, write writer) error {
	if precondition, err := rest.IfMatch(r); err == nil && precondition.IsAny() {
		write = applyOver
	}
	options, dryRun, err := ApplyOptions(r)
	if err != nil {
		return err
	}
	var applied *unstructured.Unstructured
	err = k.ifMatch(r, user, func(ctx context.Context, live *unstructured.Unstructured) (err error) {
		if !dryRun {
			if err := ownByApply(ctx, user, live); err != nil {
				return rest.WithVerb("patch", err)
			}
		}
		applied, err = write(ctx, user, live, object, options)
		return err
	})
	if err != nil {
		return err
	}
	return k.write(w, r, http.StatusOK, applied)
}

// ifMatch calls write with the live object, which If-Match must match, and retries on
// conflict: a change of the status does not fail the precondition.
func (k Kind) ifMatch(r *http.Request, user *kube.UserClient, write func(ctx context.Context, live *unstructured.Unstructured) error) error {
	precondition, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	for range MaxAttempts {
		live := k.Object(r)
		err = user.Get(r.Context(), client.ObjectKeyFromObject(live), live)
		switch {
		case apierrors.IsNotFound(err):
			return rest.PreconditionFailed("there is no " + k.Name + " of this name")
		case err != nil:
			return rest.WithVerb("get", err)
		case !precondition.Holds(live):
			return rest.PreconditionFailed("the " + k.Name + " has changed since it was read: its ETag is " + rest.ETag(live))
		}
		if err = write(r.Context(), live); !isOutdated(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return rest.PreconditionFailed("the " + k.Name + " changes too often")
}

// isOutdated reports a conflict over the object's version, and not over a field's owner.
func isOutdated(err error) bool {
	return apierrors.IsConflict(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict)
}
