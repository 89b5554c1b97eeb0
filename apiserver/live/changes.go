package live

import (
	"context"
	"fmt"

	"k8s.io/client-go/tools/cache"
	crcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Changes calls changed for each object of the kinds that is there, comes (before is nil),
// changes or goes (after is nil), until ctx ends. It is called from the informers' own
// goroutines, of each kind its own, and must not block.
func (c *Cache) Changes(ctx context.Context, changed func(before, after client.Object), kinds ...client.Object) error {
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { changed(nil, as(object)) },
		UpdateFunc: func(before, after any) { changed(as(before), as(after)) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			changed(as(object), nil)
		},
	}
	for _, kind := range kinds {
		informer, err := c.cache.GetInformer(ctx, kind, crcache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("finding an informer: %w", err)
		}
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return fmt.Errorf("watching an informer: %w", err)
		}
		context.AfterFunc(ctx, func() { _ = informer.RemoveEventHandler(registration) }) // It ended before.
	}
	return nil
}

// as is nil for what is no object, which an informer does not hold.
func as(object any) client.Object {
	known, _ := object.(client.Object)
	return known
}
