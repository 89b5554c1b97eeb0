package apply

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// prune deletes the objects of the inventory that are not in the set, and returns the
// inventory without them. An object that could not be deleted stays listed.
func (a *Applier) prune(ctx context.Context, set *Set, list inventory) (ChangeSet, inventory, error) {
	var pruned ChangeSet
	for i := len(set.manifests); i < len(list); {
		ref := refOf(list[i])
		uid, deleted, err := a.deleteObject(ctx, set.owner, list[i])
		if err != nil {
			return pruned, list, err
		}
		if deleted {
			pruned = append(pruned, Change{ref, Pruned})
		}
		a.lastApplied.put(set.owner.UID, ref.key(), lastApplied{pruned: uid})
		a.contention.delete(objectID{set.owner.UID, ref.key()})
		list = slices.Delete(list, i, i+1)
	}
	return pruned, list, nil
}

// deleteObject deletes the object with the UID that was applied. A conflict means that an
// object with another UID has the name, which is not ours.
func (a *Applier) deleteObject(ctx context.Context, owner Owner, entry v1.InventoryEntry) (uid types.UID, deleted bool, err error) {
	ref := refOf(entry)
	if !isPrunable(owner, ref) {
		return "", false, nil
	}
	uid, err = a.uidOf(ctx, owner, entry)
	if err != nil || uid == "" {
		return "", false, err
	}
	err = a.writer.Delete(ctx, newObject(owner.Namespace, ref),
		client.Preconditions{UID: &uid}, client.PropagationPolicy("Background"))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || meta.IsNoMatchError(err) {
		return uid, false, nil
	}
	return uid, err == nil, classify(ref, err)
}

// uidOf returns the recorded UID. If none was recorded, the apply may have succeeded: then
// an object that the owner controls is ours.
func (a *Applier) uidOf(ctx context.Context, owner Owner, entry v1.InventoryEntry) (types.UID, error) {
	if last := a.lastApplied.get(owner.UID, entry); last.uid != "" {
		return last.uid, nil
	}
	ref := refOf(entry)
	if a.served(ref.GroupVersionKind) != nil {
		return "", nil //nolint:nilerr // No object of the kind can exist, or be read.
	}
	object, err := a.find(ctx, owner.Namespace, ref)
	if err != nil || object == nil || object.controller != owner.UID {
		return "", err
	}
	return object.uid, nil
}

// isPrunable excludes a namespace, which is deleted with its Project.
func isPrunable(owner Owner, ref Ref) bool {
	return manifests.IsAllowed(owner.Kind, ref.GroupVersionKind) && !ref.isNamespace()
}
