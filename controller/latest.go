package controller

import (
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// latest reads objects of one kind of ours from an informer and patches their status.
// What it wrote itself it knows at once: a decision on an older status would be written
// again, or not at all.
type latest[T client.Object] struct {
	cache  client.Reader
	status client.SubResourceWriter
	blank  func() T

	mu      sync.Mutex
	written map[types.NamespacedName]T
	uids    map[types.NamespacedName]types.UID
}

func newLatest[T client.Object](cache client.Reader, status client.SubResourceWriter, blank func() T) *latest[T] {
	return &latest[T]{
		cache: cache, status: status, blank: blank,
		written: map[types.NamespacedName]T{}, uids: map[types.NamespacedName]types.UID{},
	}
}

// get returns the newest version that is known, or nil if there is none. It is shared:
// nobody may change it.
func (l *latest[T]) get(ctx context.Context, name types.NamespacedName) (T, error) {
	var none T
	object := l.blank()
	if err := l.cache.Get(ctx, name, object); apierrors.IsNotFound(err) {
		return none, nil
	} else if err != nil {
		return none, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ours, known := l.written[name]
	if known && ours.GetUID() == object.GetUID() && isNewer(ours, object) {
		return ours, nil
	}
	delete(l.written, name)
	return object, nil
}

func isNewer(a, b client.Object) bool {
	order, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err == nil && order > 0
}

// note remembers the UID, and returns that of a former object of this name.
func (l *latest[T]) note(name types.NamespacedName, uid types.UID) (former types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	former = l.uids[name]
	l.uids[name] = uid
	if former == uid {
		return ""
	}
	return former
}

// names lists those that were noted and not forgotten.
func (l *latest[T]) names() []types.NamespacedName {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.uids))
}

// patch writes the status of after if it differs from that of before. Both have a name
// and a status, and nothing else: the spec is large, and not ours.
func (l *latest[T]) patch(ctx context.Context, before, after T) (bool, error) {
	if equality.Semantic.DeepEqual(before, after) {
		return false, nil
	}
	err := l.status.Patch(ctx, after, client.MergeFrom(before), client.FieldOwner(v1.FieldManager))
	if apierrors.IsNotFound(err) {
		return false, nil // Deleted meanwhile.
	}
	if err != nil {
		return false, err
	}
	stripObjectMeta(after)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written[client.ObjectKeyFromObject(after)] = after
	return true, nil
}

// forget returns the UID that the object had, empty if it was never noted.
func (l *latest[T]) forget(name types.NamespacedName) types.UID {
	l.mu.Lock()
	defer l.mu.Unlock()
	uid := l.uids[name]
	delete(l.uids, name)
	delete(l.written, name)
	return uid
}
