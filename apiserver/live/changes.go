package live

import (
	"context"
	"fmt"
	"sync"

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

// signal wakes all goroutines that wait for a change.
type signal struct {
	mu      sync.Mutex
	changed chan struct{} // nil while none waits
}

// next returns a channel that is closed at the next change.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// ProjectsChanged returns a channel that is closed at the next change of a Project.
func (c *Cache) ProjectsChanged() <-chan struct{} { return c.projects.next() }

func toObject(object any) client.Object {
	converted, _ := object.(client.Object)
	return converted
}
