package apply

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// prune deletes what the inventory has beyond the set, and returns the inventory
// without it. What could not be deleted stays listed.
func (a *Applier) prune(ctx context.Context, set *Set, list inventory) (ChangeSet, inventory, error) {
	var pruned ChangeSet
	for i := len(set.manifests); i < len(list); {
		ref := refOf(list[i])
		deleted, err := a.deleteChild(ctx, set.owner, list[i])
		if err != nil {
			return pruned, list, err
		}
		if deleted {
			pruned = append(pruned, Change{ref, Pruned})
		}
		a.memory.drop(set.owner.UID, ref.key())
		a.fights.drop(child{set.owner.UID, ref.key()})
		list = slices.Delete(list, i, i+1)
	}
	return pruned, list, nil
}

// deleteChild deletes the very object that was applied. One of another UID has the
// name by now if that is refused, and is none of ours.
func (a *Applier) deleteChild(ctx context.Context, owner Owner, entry v1.InventoryEntry) (bool, error) {
	ref := refOf(entry)
	if !mayDelete(owner, ref) {
		return false, nil
	}
	uid, err := a.uidOf(ctx, owner, entry)
	if err != nil || uid == "" {
		return false, err
	}
	err = a.writer.Delete(ctx, newObject(owner.Namespace, ref),
		client.Preconditions{UID: &uid}, client.PropagationPolicy("Background"))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, classify(ref, err)
}

// uidOf is the UID on record. Without one, the apply was not seen to succeed, and may
// have: then what our owner controls is ours.
func (a *Applier) uidOf(ctx context.Context, owner Owner, entry v1.InventoryEntry) (types.UID, error) {
	if last := a.memory.last(owner.UID, entry); last.uid != "" {
		return last.uid, nil
	}
	ref := refOf(entry)
	if !a.served(ref.GroupVersionKind) {
		return "", nil
	}
	present, err := a.find(ctx, owner.Namespace, ref)
	if err != nil || present == nil || present.controller != owner.UID {
		return "", err
	}
	return present.uid, nil
}
