package apply

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	replicas        *int32
}

// read asks one reader: the informers, which keep what carries our label and lag
// behind, or the API server. Nil means that there is none.
func read(ctx context.Context, from client.Reader, namespace string, ref Ref) (*live, error) {
	object := newObject(namespace, ref)
	err := from.Get(ctx, client.ObjectKeyFromObject(object), object)
	switch {
	case err == nil:
		return observe(object), nil
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

// NewChild is a child of this kind as it is read, and as informers keep it. A comparison
// takes metadata alone; what some are judged by beyond that is in these two.
func NewChild(kind schema.GroupVersionKind) client.Object {
	switch kind.Kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case string(v1.EndpointHTTPRoute):
		route := &unstructured.Unstructured{}
		route.SetGroupVersionKind(kind)
		return route
	}
	child := &metav1.PartialObjectMetadata{}
	child.SetGroupVersionKind(kind)
	return child
}

func newObject(namespace string, ref Ref) client.Object {
	object := NewChild(ref.GroupVersionKind)
	if !ref.isNamespace() {
		object.SetNamespace(namespace)
	}
	object.SetName(ref.Name)
	return object
}

// observe reads an object, which is summarized if it does not come from an informer.
func observe(object client.Object) *live {
	Summarize(object)
	summary := summaryOf(object)
	seen := &live{
		uid:             object.GetUID(),
		resourceVersion: object.GetResourceVersion(),
		adoptBy:         object.GetAnnotations()[v1.AnnotationAdopt],
		deleting:        object.GetDeletionTimestamp() != nil,
		owned:           summary.FieldsType,
		ownsReplicas:    summary.Subresource == subresourceScale,
	}
	if controller := metav1.GetControllerOfNoCopy(object); controller != nil {
		seen.controller, seen.controlledBy = controller.UID, controller.Kind+" "+controller.Name
	}
	if deployment, is := object.(*appsv1.Deployment); is {
		seen.replicas = deployment.Spec.Replicas
	}
	return seen
}
