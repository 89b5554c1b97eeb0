package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Priorities of requests. A changed spec has the default. Drift and a crash loop may be an outage. After a start,
// all owners have handler.LowPriority, and some may have no objects yet, so that a mere status
// comes after them. A change of templates affects all owners and comes after these, and the record of its result at
// the end. See fairQueue.
const (
	priorityDrift     = 1
	prioritySpec      = 0
	priorityStatus    = handler.LowPriority - 1
	priorityTemplates = handler.LowPriority - 2
	priorityRecord    = handler.LowPriority - 3
)

// Delays that collect events: a Deployment emits a dozen during a rollout. Drift is urgent.
const (
	settleDrift  = 20 * time.Millisecond
	settleStatus = 500 * time.Millisecond
	// settleTransient is how long the reason of a status between two states must stay the same, such as that of a pod
	// that starts. maxTransient bounds the delay if it does not, or is the one before.
	settleTransient = time.Second
	maxTransient    = 3 * time.Second
	// settleFirst is the delay of the first status if there is something to report before a pod has a condition.
	settleFirst = 2 * time.Second
	// maxControllers is how long Kubernetes' controllers may take to act before a status reports that.
	maxControllers = 10 * time.Second
)

type workQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// queue adds requests that no event of an informer causes. It is a source, from which it
// gets the controller's queue.
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

// add enqueues objects. Before the controller starts it does nothing: then all are enqueued.
func (q *queue) add(names ...types.NamespacedName) { q.addWith(priorityqueue.AddOpts{}, names...) }

// addLast enqueues objects after all others.
func (q *queue) addLast(names ...types.NamespacedName) {
	priority := priorityTemplates
	q.addWith(priorityqueue.AddOpts{Priority: &priority}, names...)
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
