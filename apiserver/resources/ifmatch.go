package resources

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
)

// MaxAttempts bounds how often a change is tried on the newest version of an object.
const MaxAttempts = 5

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
