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

// What goes first, 0 being an NpuDeploy that somebody has just changed. Drift may be an
// outage. After a start, all NpuDeploys have handler.LowPriority: some may have no
// children yet, and so what only changes a status comes behind. A change of templates
// concerns all, and lets everything else pass.
const (
	urgencyDrift     = 1
	urgencyStatus    = handler.LowPriority - 1
	urgencyTemplates = handler.LowPriority - 2
)

// An event waits for the next one: a Deployment that is rolled out makes a dozen of
// them. Drift waits less than what only changes the status.
const (
	settleDrift  = 20 * time.Millisecond
	settleStatus = 500 * time.Millisecond
)

type workQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// queue is the controller's own, for those who are concerned by more than an event.
type queue struct {
	mu      sync.Mutex
	started workQueue
}

// Start takes the queue from the controller, as a source of it.
func (q *queue) Start(_ context.Context, started workQueue) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.started = started
	return nil
}

// add has these NpuDeploys reconciled. Before the start there is no need: all are.
func (q *queue) add(names ...types.NamespacedName) { q.addWith(priorityqueue.AddOpts{}, names...) }

// addLater has them reconciled after everybody else.
func (q *queue) addLater(names ...types.NamespacedName) {
	urgency := urgencyTemplates
	q.addWith(priorityqueue.AddOpts{Priority: &urgency}, names...)
}

func (q *queue) addWith(options priorityqueue.AddOpts, names ...types.NamespacedName) {
	q.mu.Lock()
	started := q.started
	q.mu.Unlock()
	if started != nil {
		enqueue(started, options, names...)
	}
}

func enqueue(to workQueue, options priorityqueue.AddOpts, names ...types.NamespacedName) {
	prioritized, ok := to.(priorityqueue.PriorityQueue[reconcile.Request])
	for _, name := range names {
		request := reconcile.Request{NamespacedName: name}
		if ok {
			prioritized.AddWithOpts(options, request)
			continue
		}
		to.AddAfter(request, options.After)
	}
}
