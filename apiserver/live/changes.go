package live

import (
	"context"
	"fmt"

	"k8s.io/client-go/tools/cache"
	crcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Changes calls changed for each object of the kinds that exists, is added (before is nil),
// updated or deleted (after is nil), until ctx ends. Calls come from one goroutine per kind and
// must not block.
func (c *Cache) Changes(ctx context.Context, changed func(before, after client.Object), kinds ...client.Object) error {
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { changed(nil, toObject(object)) },
		UpdateFunc: func(before, after any) { changed(toObject(before), toObject(after)) },
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			changed(toObject(object), nil)
		},
	}
	for _, kind := range kinds {
		informer, err := c.cache.GetInformer(ctx, kind, crcache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("getting an informer: %w", err)
		}
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return fmt.Errorf("adding an event handler: %w", err)
		}
		context.AfterFunc(ctx, func() { _ = informer.RemoveEventHandler(registration) }) // the informer may have stopped
	}
	return nil
}

func toObject(object any) client.Object {
	converted, _ := object.(client.Object)
	return converted
}
