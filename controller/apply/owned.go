package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const indexController = "controller" // by the UID of the owner that controls an object

// IndexOwned adds the index by which Apply finds the owned objects of a kind.
func IndexOwned(ctx context.Context, informers client.FieldIndexer, kind schema.GroupVersionKind) error {
	err := informers.IndexField(ctx, NewChild(kind), indexController, func(object client.Object) []string {
		if controller := metav1.GetControllerOfNoCopy(object); controller != nil {
			return []string{string(controller.UID)}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("indexing %s: %w", kind.Kind, err)
	}
	return nil
}

// owned lists the objects that the owner controls and that we applied, as the informers have
// them. The inventory lacks those that were removed from the spec while its status was empty.
func (a *Applier) owned(ctx context.Context, owner Owner) ([]v1.InventoryEntry, error) {
	var owned []v1.InventoryEntry
	for _, kind := range manifests.KindsOf(owner.Kind) {
		if a.served(kind) != nil || !isPrunable(owner, Ref{GroupVersionKind: kind}) {
			continue
		}
		list := NewChildList(kind)
		err := a.cache.List(ctx, list, client.InNamespace(owner.Namespace),
			client.MatchingFields{indexController: string(owner.UID)}, client.UnsafeDisableDeepCopy)
		if err == nil {
			err = meta.EachListItem(list, func(item runtime.Object) error {
				object := item.(client.Object)
				entry := v1.InventoryEntry{
					Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Name: object.GetName(), UID: string(object.GetUID()),
				}
				if a.isApplied(owner, entry, object) {
					owned = append(owned, entry)
				}
				return nil
			})
		}
		if err != nil {
			return nil, fmt.Errorf("listing owned objects of kind %s: %w", kind.Kind, err)
		}
	}
	return owned, nil
}

// isApplied excludes copies, which we do not manage, and objects that were deleted.
func (a *Applier) isApplied(owner Owner, entry v1.InventoryEntry, object client.Object) bool {
	live := newLive(object)
	return live.ownedFields != "" && !live.deleting && a.lastApplied.get(owner.UID, entry).pruned != live.uid
}
