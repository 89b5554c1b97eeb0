package controller

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys;projects,verbs=get;list;watch
// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys/status;projects/status,verbs=patch

// statusKind gives access to the fields that the statuses of all kinds have.
type statusKind[T client.Object] interface {
	kind() string
	newObject() T
	// statusOnly returns an object with the name and a copy of the status.
	statusOnly(object T) T
	status(object T) any // a pointer to it
	// complete sets what statusOnly leaves out.
	complete(object T, metadata metav1.ObjectMeta, specOf T)
	conditions(object T) *[]metav1.Condition
	inventory(object T) *[]v1.InventoryEntry
}

// objects reads the objects of one kind from an informer and patches their status. It
// returns its own last patch until the informer has it: a decision on an older status would
// be repeated, or missed.
type objects[T client.Object] struct {
	kind   statusKind[T]
	cache  client.Reader
	status client.SubResourceWriter

	written *lastWritten[T]

	mu       sync.Mutex
	versions map[types.NamespacedName]string // resource versions of the last patches
	sent     map[types.NamespacedName]T      // patches without a response yet, as statusOnly returns them
	uids     map[types.NamespacedName]types.UID
}

func newObjects[T client.Object](kind statusKind[T], cache client.Reader, status client.SubResourceWriter) *objects[T] {
	return &objects[T]{
		kind: kind, cache: cache, status: status, written: newLastWritten[T](),
		versions: map[types.NamespacedName]string{}, sent: map[types.NamespacedName]T{}, uids: map[types.NamespacedName]types.UID{},
	}
}

// get returns the newest version, if the object exists. It is shared: callers must not
// modify it.
func (o *objects[T]) get(ctx context.Context, name types.NamespacedName) (object T, exists bool, err error) {
	object = o.kind.newObject()
	if err := o.cache.Get(ctx, name, object); apierrors.IsNotFound(err) {
		return object, false, nil
	} else if err != nil {
		return object, false, err
	}
	return o.newest(object), true, nil
}

// newest returns the last patch of a cached object, or the object if that is newer. Then it drops the patch.
func (o *objects[T]) newest(object T) T { return o.written.newest(object) }

// lastWritten keeps the last written version of objects by name until the informer has it.
type lastWritten[T client.Object] struct {
	mu     sync.Mutex
	byName map[types.NamespacedName]T
}

func newLastWritten[T client.Object]() *lastWritten[T] {
	return &lastWritten[T]{byName: map[types.NamespacedName]T{}}
}

func (w *lastWritten[T]) put(object T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byName[client.ObjectKeyFromObject(object)] = object
}

// newest returns the last written version of a cached object, or the object if that is newer. Then it drops what was written.
func (w *lastWritten[T]) newest(object T) T {
	name := client.ObjectKeyFromObject(object)
	w.mu.Lock()
	defer w.mu.Unlock()
	written, ok := w.byName[name]
	if ok && written.GetUID() == object.GetUID() && isNewer(written, object) {
		return written
	}
	delete(w.byName, name)
	return object
}

func (w *lastWritten[T]) forget(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.byName, name)
}

func isNewer(a, b client.Object) bool {
	order, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err == nil && order > 0
}

// isOthersStatus reports whether another client wrote the status of after. The event of a patch may arrive before its
// response.
func (o *objects[T]) isOthersStatus(before, after T) bool {
	name := client.ObjectKeyFromObject(after)
	o.mu.Lock()
	version := o.versions[name]
	sent, isSent := o.sent[name]
	o.mu.Unlock()
	order, err := resourceversion.CompareResourceVersion(after.GetResourceVersion(), version)
	if version != "" && err == nil && order <= 0 {
		return false
	}
	current := o.kind.statusOnly(after)
	if isSent && equality.Semantic.DeepEqual(sent, current) {
		return false
	}
	return !equality.Semantic.DeepEqual(o.kind.statusOnly(before), current)
}

// replaced stores the object's UID, and returns that of a deleted object of the same name.
func (o *objects[T]) replaced(object T) types.UID {
	name := client.ObjectKeyFromObject(object)
	o.mu.Lock()
	defer o.mu.Unlock()
	former := o.uids[name]
	o.uids[name] = object.GetUID()
	if former == object.GetUID() {
		return ""
	}
	return former
}

// names lists the objects that were reconciled and not forgotten.
func (o *objects[T]) names() []types.NamespacedName {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.uids))
}

// patch patches the status if the objects, which statusOnly returned, differ.
func (o *objects[T]) patch(ctx context.Context, before, after T, options ...client.MergeFromOption) (bool, error) {
	if equality.Semantic.DeepEqual(before, after) {
		return false, nil
	}
	name, sent := client.ObjectKeyFromObject(after), o.kind.statusOnly(after)
	o.mu.Lock()
	o.sent[name] = sent
	o.mu.Unlock()
	var err error
	isWhole := true
	if len(options) == 0 && reflect.ValueOf(o.kind.status(before)).Elem().IsZero() {
		isWhole, err = o.patchFirst(ctx, after)
	} else {
		err = o.status.Patch(ctx, after, client.MergeFromWithOptions(before, options...), client.FieldOwner(v1.FieldManager))
	}
	o.mu.Lock()
	delete(o.sent, name)
	if err == nil {
		o.versions[name] = after.GetResourceVersion()
	}
	o.mu.Unlock()
	if apierrors.IsNotFound(err) {
		return false, nil // The object was deleted.
	}
	if err != nil {
		return false, err
	}
	if isWhole {
		stripOwnerMetadata(after)
		o.written.put(after)
	}
	_, _, err = o.get(ctx, name) // Drops it if the informer has it already.
	return true, err
}

// patchFirst writes the first status, which is sent whole: there is nothing to compare it with. The response is the metadata
// alone, because no other client has written a status. isWhole means that after is what was written: the spec has not
// changed since.
func (o *objects[T]) patchFirst(ctx context.Context, after T) (isWhole bool, err error) {
	content, err := json.Marshal(map[string]any{"status": o.kind.status(after)})
	if err != nil {
		return false, err
	}
	name := client.ObjectKeyFromObject(after)
	response := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	response.SetGroupVersionKind(v1.GroupVersion().WithKind(o.kind.kind()))
	if err := o.status.Patch(ctx, response, client.RawPatch(types.MergePatchType, content), client.FieldOwner(v1.FieldManager)); err != nil {
		return false, err
	}
	object, exists, err := o.get(ctx, name)
	o.kind.complete(after, response.ObjectMeta, object)
	return exists && object.GetUID() == after.GetUID() && object.GetGeneration() == after.GetGeneration(), err
}

// forget returns the UID that the object had, or "" if it was never reconciled.
func (o *objects[T]) forget(name types.NamespacedName) types.UID {
	o.written.forget(name)
	o.mu.Lock()
	defer o.mu.Unlock()
	uid := o.uids[name]
	delete(o.uids, name)
	delete(o.versions, name)
	return uid
}
