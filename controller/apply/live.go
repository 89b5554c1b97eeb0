package apply

import (
	"context"
	"slices"
	"strconv"

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
	uid             types.UID
	resourceVersion string
	controller      types.UID
	controlledBy    string // kind and name
	adoptBy         string
	deleting        bool
	manifest        string // the digest in its annotation
	ownedFields     string // the digest of our entry in its managed fields, empty without one
	fieldsText      string // of that entry: see fieldSets
	ownsReplicas    bool
	replicas        *int32
	overwritten     []string // fields that admission changed, after a write
	added           string   // fields of other managers
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
	summary := summaryOf(object)
	l := &live{
		uid:             object.GetUID(),
		resourceVersion: object.GetResourceVersion(),
		adoptBy:         object.GetAnnotations()[v1.AnnotationAdopt],
		deleting:        object.GetDeletionTimestamp() != nil,
		fieldsText:      summary.APIVersion,
		ownsReplicas:    summary.Subresource == subresourceScale,
		added:           summary.Manager,
	}
	l.manifest, l.ownedFields, _ = splitDigests(summary.FieldsType)
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

// The API server records the manager of each field. A field that another manager changes or
// removes is no longer ours, and a change under our name gives our entry another time. While
// the entry is the same, the applied values are too, and need not be compared.

// operationSummary marks the entry that Summarize leaves. The API server itself only uses Apply and Update.
const operationSummary metav1.ManagedFieldsOperationType = "Owned"

// subresourceScale in a summary means that spec.replicas is among our fields.
const subresourceScale = "scale"

// Summarize replaces an object's managed fields, the largest part of its metadata, by one entry. To keep the type of
// the object, the entry holds other contents than its fields are for:
//
//	FieldsType   the digests of the manifest and of our fields
//	APIVersion   our fields, in the format FieldsV1
//	Manager      what other managers added
//	Subresource  subresourceScale, or nothing
//
// It returns false for an object that it has summarized before: a transform gets some objects twice. The annotation
// with the digest of the manifest is not read afterwards.
func Summarize(object client.Object) bool {
	entries := object.GetManagedFields()
	if summaryOf(object) != nil {
		return false
	}
	summary, owned := metav1.ManagedFieldsEntry{Operation: operationSummary}, ""
	if i := slices.IndexFunc(entries, isOurEntry); i >= 0 {
		fields := ownedFields.of(entries[i], object)
		summary.APIVersion = fields.text
		owned, summary.Manager = entryDigest(entries[i]), addedFields(object, entries, fields)
		if _, hasReplicas := fields.below("f:spec")["f:replicas"]; hasReplicas && replicasOf(object) != nil {
			summary.Subresource = subresourceScale
		}
	}
	summary.FieldsType = joinDigests(object.GetAnnotations()[v1.AnnotationManifest], owned)
	object.SetManagedFields([]metav1.ManagedFieldsEntry{summary})
	return true
}

// summaryOf returns the entry that Summarize left, or nil.
func summaryOf(object client.Object) *metav1.ManagedFieldsEntry {
	entries := object.GetManagedFields()
	if len(entries) != 1 || entries[0].Operation != operationSummary {
		return nil
	}
	return &entries[0]
}

// Drifted reports whether the fields that we own differ between two summarized versions of
// an object. A deleted object, with after nil, has drifted. Another digest of the manifest is that of an apply.
func Drifted(before, after client.Object) bool {
	if after == nil {
		return true
	}
	a, b := summaryOf(before), summaryOf(after)
	if a == nil || b == nil {
		return false
	}
	manifestBefore, ownedBefore, _ := splitDigests(a.FieldsType)
	manifestAfter, ownedAfter, _ := splitDigests(b.FieldsType)
	if manifestAfter != manifestBefore && manifestAfter != "" {
		return false
	}
	return ownedBefore != ownedAfter || a.Subresource != b.Subresource
}

func isOurEntry(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == v1.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

func entryDigest(entry metav1.ManagedFieldsEntry) string {
	var at []byte
	if entry.Time != nil {
		at = strconv.AppendInt(nil, entry.Time.Unix(), 10)
	}
	return Digest(entry.FieldsV1.GetRawBytes(), at)
}
