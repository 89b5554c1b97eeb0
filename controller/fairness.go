package controller

import (
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// burst is how many changed specs of a namespace may wait with their own priority.
	burst = 64
	// Requests of a namespace with more of them come after all others: changed specs in up to
	// maxSteps steps, each for four times as many, and then, until none waits, the namespace's statuses.
	priorityCrowded       = priorityRecord - 1
	maxSteps              = 4
	priorityCrowdedStatus = priorityCrowded - maxSteps
)

// fairQueue is a priority queue in which a namespace with thousands of changed specs does not
// delay the changes and statuses of other namespaces. Drift keeps its priority, and so does what a
// start or other templates enqueue: it comes after changed specs.
type fairQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]

	mu      sync.Mutex
	waiting map[reconcile.Request]struct{} // changed specs that need not wait
	crowds  map[string]crowd               // of waiting, by namespace
}

// crowd is the changed specs of a namespace that wait, without those that are reconciled again after a delay: one of these
// may always wait.
type crowd struct {
	count int
	// exceeded means that there were more than burst since there was none.
	exceeded bool
}

func newFairQueue(name string, log logr.Logger, limiter workqueue.TypedRateLimiter[reconcile.Request]) *fairQueue {
	return &fairQueue{
		PriorityQueue: priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) {
			o.Log, o.RateLimiter = log.WithValues("controller", name), limiter
		}),
		waiting: map[reconcile.Request]struct{}{},
		crowds:  map[string]crowd{},
	}
}

// AddWithOpts implements priorityqueue.PriorityQueue.
func (q *fairQueue) AddWithOpts(options priorityqueue.AddOpts, requests ...reconcile.Request) {
	priority := ptr.Deref(options.Priority, prioritySpec)
	isDelayed := options.After > 0 || options.RateLimited
	for _, request := range requests {
		ranked := q.rank(request, priority, isDelayed)
		options.Priority = &ranked
		q.PriorityQueue.AddWithOpts(options, request)
	}
}

// Add implements workqueue.TypedInterface.
func (q *fairQueue) Add(request reconcile.Request) { q.AddWithOpts(priorityqueue.AddOpts{}, request) }

// AddAfter implements workqueue.TypedDelayingInterface.
func (q *fairQueue) AddAfter(request reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, request)
}

// AddRateLimited implements workqueue.TypedRateLimitingInterface.
func (q *fairQueue) AddRateLimited(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request)
}

// Get implements workqueue.TypedInterface.
func (q *fairQueue) Get() (request reconcile.Request, shutdown bool) {
	request, _, shutdown = q.GetWithPriority()
	return request, shutdown
}

// GetWithPriority implements priorityqueue.PriorityQueue. It returns the priority without the effect
// of fairness, because the controller adds a request again with what it returns.
func (q *fairQueue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	request, priority, shutdown = q.PriorityQueue.GetWithPriority()
	q.remove(request)
	switch {
	case priority == priorityCrowdedStatus:
		priority = priorityStatus
	case priority <= priorityCrowded:
		priority = prioritySpec
	}
	return request, priority, shutdown
}

// rank returns the priority of a request, of which a changed spec is recorded as waiting.
func (q *fairQueue) rank(request reconcile.Request, priority int, isDelayed bool) int {
	if priority != prioritySpec && priority != priorityStatus || request.Namespace == "" {
		return priority
	}
	crowd := q.crowdOf(request, priority == prioritySpec && !isDelayed)
	switch {
	case priority == priorityStatus && crowd.exceeded:
		return priorityCrowdedStatus
	case priority == priorityStatus, crowd.count <= burst:
		return priority
	}
	ranked := priorityCrowded
	for step := 1; step < maxSteps && crowd.count > burst<<(2*step); step++ {
		ranked--
	}
	return ranked
}

// crowdOf returns the crowd of a request's namespace, with the request if it is a change.
func (q *fairQueue) crowdOf(request reconcile.Request, isChange bool) crowd {
	q.mu.Lock()
	defer q.mu.Unlock()
	crowd := q.crowds[request.Namespace]
	if _, ok := q.waiting[request]; ok || !isChange {
		return crowd
	}
	q.waiting[request] = struct{}{}
	crowd.count++
	crowd.exceeded = crowd.exceeded || crowd.count > burst
	q.crowds[request.Namespace] = crowd
	return crowd
}

func (q *fairQueue) remove(request reconcile.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.waiting[request]; !ok {
		return
	}
	delete(q.waiting, request)
	crowd := q.crowds[request.Namespace]
	if crowd.count--; crowd.count == 0 {
		delete(q.crowds, request.Namespace)
		return
	}
	q.crowds[request.Namespace] = crowd
}
