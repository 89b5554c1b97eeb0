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
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// live is the part of an existing object that a comparison reads.
type live struct {
	summary

	uid             types.UID
	resourceVersion string
	controller      types.UID
	controlledBy    string // kind and name
	adoptBy         string
	deleting        bool
	replicas        *int32
}

// read returns an object, or nil if there is none. The informers have objects with our
// label, and lag behind the API server.
func read(ctx context.Context, from client.Reader, namespace string, ref Ref) (*live, error) {
	object := newObject(namespace, ref)
	err := from.Get(ctx, client.ObjectKeyFromObject(object), object)
	switch {
	case err == nil:
		return newLive(object), nil
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // Absence is not an error.
	case meta.IsNoMatchError(err):
		return nil, &NotInstalledError{Ref: ref}
	}
	return nil, &UnavailableError{Ref: ref, Err: err}
}

// NewCachedObject returns an empty object of the kind, of the type that informers cache. A
// comparison requires metadata alone; status reads more of some kinds.
func NewCachedObject(kind schema.GroupVersionKind) client.Object {
	switch kind.Kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case string(v1.EndpointHTTPRoute), string(v1.EndpointInferencePool), "HorizontalPodAutoscaler", "ScaledObject", "LeaderWorkerSet", "RayService":
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(kind)
		return object
	}
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)
	return object
}

// NewCachedList returns an empty list of the objects that NewCachedObject returns.
func NewCachedList(kind schema.GroupVersionKind) client.ObjectList {
	child := NewCachedObject(kind)
	kind.Kind += "List"
	switch child.(type) {
	case *appsv1.Deployment:
		return &appsv1.DeploymentList{}
	case *unstructured.Unstructured:
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		return list
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind)
	return list
}

func newObject(namespace string, ref Ref) client.Object {
	object := NewCachedObject(ref.GroupVersionKind)
	if !ref.isNamespace() {
		object.SetNamespace(namespace)
	}
	object.SetName(ref.Name)
	return object
}

// newResponse returns an empty object for the response to a write, which has all fields.
func newResponse(namespace string, ref Ref) client.Object {
	object := newObject(namespace, ref)
	if _, isPartial := object.(*metav1.PartialObjectMetadata); !isPartial {
		return object
	}
	var response client.Object = &unstructured.Unstructured{}
	if typed, err := scheme.Scheme.New(ref.GroupVersionKind); err == nil {
		response, _ = typed.(client.Object) // Decoded from protobuf, which is cheaper than JSON.
	} else {
		response.GetObjectKind().SetGroupVersionKind(ref.GroupVersionKind)
	}
	response.SetNamespace(object.GetNamespace())
	response.SetName(ref.Name)
	return response
}

// newLive summarizes the object unless it comes from an informer.
func newLive(object client.Object) *live {
	Summarize(object)
	summary, _ := summaryOf(object)
	l := &live{
		summary:         summary,
		uid:             object.GetUID(),
		resourceVersion: object.GetResourceVersion(),
		adoptBy:         object.GetAnnotations()[v1.AnnotationAdopt],
		deleting:        object.GetDeletionTimestamp() != nil,
	}
	if controller := metav1.GetControllerOfNoCopy(object); controller != nil {
		l.controller, l.controlledBy = controller.UID, controller.Kind+" "+controller.Name
	}
	l.replicas = replicasOf(object)
	return l
}

// replicasOf returns spec.replicas of a workload, or nil.
func replicasOf(object client.Object) *int32 {
	switch object := object.(type) {
	case *appsv1.Deployment:
		return object.Spec.Replicas
	case *unstructured.Unstructured:
		replicas, exists, _ := unstructured.NestedInt64(object.Object, "spec", "replicas")
		if exists && manifests.IsScalable(object.GroupVersionKind()) {
			return new(int32(replicas)) //nolint:gosec // Its type is int32.
		}
	}
	return nil
}
