package controller

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Priorities of requests, the highest first:
//   - drift and crash loops, which may be an outage;
//   - changed specs, with the default priority (see fairQueue);
//   - all owners after a start, with handler.LowPriority;
//   - statuses: after a start, owners whose objects do not exist yet come before them;
//   - a change of templates, which affects all owners, and at the end the record of its result.
const (
	priorityDrift     = 1
	prioritySpec      = 0
	priorityStatus    = handler.LowPriority - 1
	priorityTemplates = handler.LowPriority - 2
	priorityRecord    = handler.LowPriority - 3
)

type workQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// queue adds requests that no event of an informer causes. It is a source because a controller passes its queue to
// sources only.
type queue struct {
	mu         sync.Mutex
	controller workQueue
}

// Start is called by the controller.
func (q *queue) Start(_ context.Context, controller workQueue) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.controller = controller
	return nil
}

// add enqueues objects. Before the controller starts it does nothing, because the start enqueues all objects.
func (q *queue) add(names ...types.NamespacedName) { q.addWith(priorityqueue.AddOpts{}, names...) }

// addLast enqueues objects after all others.
func (q *queue) addLast(names ...types.NamespacedName) {
	q.addWith(priorityqueue.AddOpts{Priority: new(priorityTemplates)}, names...)
}

func (q *queue) addWith(options priorityqueue.AddOpts, names ...types.NamespacedName) {
	q.mu.Lock()
	controller := q.controller
	q.mu.Unlock()
	if controller != nil {
		enqueue(controller, options, names...)
	}
}

func enqueue(queue workQueue, options priorityqueue.AddOpts, names ...types.NamespacedName) {
	prioritized, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request])
	for _, name := range names {
		request := reconcile.Request{NamespacedName: name}
		if ok {
			prioritized.AddWithOpts(options, request)
			continue
		}
		queue.AddAfter(request, options.After)
	}
}
