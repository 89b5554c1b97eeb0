package apply

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// live is a child as the API server has it, as far as a comparison goes.
type live struct {
	uid             types.UID
	resourceVersion string
	controller      types.UID
	controlledBy    string
	adoptBy         string
	deleting        bool
	owned           string
	ownsReplicas    bool
	replicas        any
}

// read asks one reader: the informers, which keep what carries our label and lag
// behind, or the API server. Nil means that there is none.
func read(ctx context.Context, from client.Reader, namespace string, ref Ref) (*live, error) {
	object := newObject(namespace, ref)
	err := from.Get(ctx, client.ObjectKeyFromObject(object), object)
	switch {
	case err == nil:
		return observe(object)
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // Absence is an answer.
	case meta.IsNoMatchError(err):
		return nil, &NotInstalledError{Ref: ref}
	}
	return nil, &UnavailableError{Ref: ref, Err: err}
}

// find asks the informers, and the API server for what they do not have but should.
func (a *Applier) find(ctx context.Context, namespace string, ref Ref) (*live, error) {
	present, err := read(ctx, a.cache, namespace, ref)
	if present != nil || err != nil {
		return present, err
	}
	return read(ctx, a.direct, namespace, ref)
}

func newObject(namespace string, ref Ref) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(ref.GroupVersionKind)
	if !ref.isNamespace() {
		object.SetNamespace(namespace)
	}
	object.SetName(ref.Name)
	return object
}

// observe reads an object without changing it, unless it has to be summarized first:
// then it does not come from an informer.
func observe(object *unstructured.Unstructured) (*live, error) {
	if err := Summarize(object); err != nil {
		return nil, err
	}
	seen := &live{
		uid:             object.GetUID(),
		resourceVersion: object.GetResourceVersion(),
		adoptBy:         object.GetAnnotations()[v1.AnnotationAdopt],
		deleting:        object.GetDeletionTimestamp() != nil,
	}
	if controller := metav1.GetControllerOfNoCopy(object); controller != nil {
		seen.controller, seen.controlledBy = controller.UID, controller.Kind+" "+controller.Name
	}
	seen.owned, _, _ = unstructured.NestedString(object.Object, fieldOwned, "digest")
	seen.ownsReplicas, _, _ = unstructured.NestedBool(object.Object, fieldOwned, "replicas")
	seen.replicas, _, _ = unstructured.NestedFieldNoCopy(object.Object, "spec", "replicas")
	return seen, nil
}
