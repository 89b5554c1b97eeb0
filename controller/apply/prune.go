package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cached"
	"github.com/dudaji/nufi/internal/manifests"
)

// indexOwner finds the cached objects that an owner controls, by their namespace and its UID.
func indexOwner() cached.Index {
	return cached.Index{Name: "owner", Keys: func(object client.Object) []string {
		if controller := metav1.GetControllerOfNoCopy(object); controller != nil {
			return []string{ownerKey(object.GetNamespace(), controller.UID)}
		}
		return nil
	}}
}

func ownerKey(namespace string, owner types.UID) string { return namespace + "/" + string(owner) }

// IndexOwned adds the index by which Children finds the owned objects of a kind.
func IndexOwned(ctx context.Context, informers cache.Informers, kind schema.GroupVersionKind) error {
	if err := indexOwner().Add(ctx, informers, NewCachedObject(kind)); err != nil {
		return fmt.Errorf("indexing %s: %w", kind.Kind, err)
	}
	return nil
}

// Child is an object that an owner controls and that we applied.
type Child struct {
	Ref Ref
	UID types.UID
}

// childKind is a kind of objects that an owner may have.
type childKind struct {
	schema.GroupVersionKind

	empty client.Object // for look-ups; not modified
}

func childKinds(ownerKind string) []childKind {
	all := manifests.KindsOf(ownerKind)
	kinds := make([]childKind, 0, len(all))
	for _, kind := range all {
		kinds = append(kinds, childKind{kind, NewCachedObject(kind)})
	}
	return kinds
}

// Children lists the cached objects of an owner, of all kinds that are watched, without copies that
// another client made of an object.
func (a *Applier) Children(ctx context.Context, owner Owner) ([]Child, error) {
	var children []Child
	key := ownerKey(owner.Namespace, owner.UID)
	for _, kind := range a.kinds[owner.Kind] {
		if a.checkInstalled(kind.GroupVersionKind) != nil {
			continue
		}
		objects, err := cached.Find(ctx, a.cache, kind.empty, indexOwner(), key)
		if err != nil {
			return nil, fmt.Errorf("listing objects of kind %s: %w", kind.Kind, err)
		}
		for _, object := range objects {
			if live := newLive(object); live.ownedFields != "" && !live.deleting {
				children = append(children, Child{Ref{kind.GroupVersionKind, object.GetName()}, object.GetUID()})
			}
		}
	}
	return children, nil
}

// IsApplied reports whether the cached objects of an owner are those of its set, with the digests of its manifests.
func (a *Applier) IsApplied(ctx context.Context, set *ObjectSet, recorded Recorded) (bool, error) {
	children, err := a.Children(ctx, set.owner)
	if err != nil || len(children) != len(set.manifests) {
		return false, err
	}
	for _, desired := range set.manifests {
		if !slices.ContainsFunc(children, func(child Child) bool { return child.Ref == desired.ref }) {
			return false, nil
		}
		object, err := read(ctx, a.cache, set.owner.Namespace, desired.ref)
		if err != nil || recorded.derive(set.owner, desired, object).manifest != desired.digest {
			return false, err
		}
	}
	return true, nil
}

// known lists the objects of the owner that the informers have or this process applied. Any other object causes an event
// when it reaches the informers.
func (a *Applier) known(ctx context.Context, owner Owner) ([]Child, error) {
	children, err := a.Children(ctx, owner)
	if err != nil {
		return nil, err
	}
	for _, last := range a.lastApplied.of(owner.UID) {
		child := Child{last.ref, last.uid}
		if last.uid != "" && !slices.Contains(children, child) && a.checkInstalled(last.ref.GroupVersionKind) == nil {
			children = append(children, child)
		}
	}
	return children, nil
}

// prune deletes the known objects of the owner that are not in the set. The error joins the errors of the objects.
func (a *Applier) prune(ctx context.Context, set *ObjectSet) (ChangeSet, error) {
	children, err := a.known(ctx, set.owner)
	if err != nil {
		return nil, err
	}
	var pruned ChangeSet
	failed := failures{clock: a.contention.clock}
	for _, child := range children {
		k := child.Ref.key()
		if set.has(k) || child.Ref.isNamespace() || a.lastApplied.get(set.owner.UID, k).pruned == child.UID {
			continue
		}
		start := failed.clock.Now()
		deleted, err := a.deleteObject(ctx, set.owner, child)
		if err != nil {
			if failed.add(err, start) {
				break
			}
			continue
		}
		if deleted {
			pruned = append(pruned, Change{child.Ref, Pruned})
		}
		a.lastApplied.put(set.owner.UID, lastApplied{ref: child.Ref, pruned: child.UID})
		a.contention.delete(objectID{set.owner.UID, k})
	}
	return pruned, errors.Join(failed.errs...)
}

// deleteObject deletes the object with the UID. A conflict means that an object with another UID
// has the name, which is not ours. The response has an object that remains because of a finalizer: controller-runtime
// v0.25.2 returns an error if the request is for metadata and the scheme lacks the kind.
func (a *Applier) deleteObject(ctx context.Context, owner Owner, child Child) (deleted bool, err error) {
	err = a.writer.Delete(ctx, newResponse(owner.Namespace, child.Ref),
		client.Preconditions{UID: &child.UID}, client.PropagationPolicy("Background"))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, classify(child.Ref, err)
}
