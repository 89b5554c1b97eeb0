package controller

import (
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func newTestQueue(t *testing.T) *fairQueue {
	t.Helper()
	q := newFairQueue(t.Name(), logr.Discard(), workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryMinDelay, retryMaxDelay))
	t.Cleanup(q.ShutDown)
	return q
}

func requestOf(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// take returns how many requests the queue hands out up to a request, and its priority.
func take(t *testing.T, q *fairQueue, request reconcile.Request) (count, priority int) {
	t.Helper()
	for count = 1; ; count++ {
		next, priority, shutdown := q.GetWithPriority()
		if shutdown {
			t.Fatal("the queue is shut down")
		}
		q.Done(next)
		if next == request {
			return count, priority
		}
	}
}

func TestNamespaceWithManyChangesDoesNotDelayAnother(t *testing.T) {
	t.Parallel()
	q := newTestQueue(t)
	for i := range 5000 {
		q.Add(requestOf("busy", strconv.Itoa(i)))
	}
	quiet := requestOf("quiet", "web")
	q.Add(quiet)
	if count, priority := take(t, q, quiet); count > burst+1 || priority != prioritySpec {
		t.Errorf("another namespace's change is number %d with priority %d, want at most %d with %d", count, priority, burst+1, prioritySpec)
	}
	status := priorityStatus
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &status}, quiet)
	if count, priority := take(t, q, quiet); count != 1 || priority != priorityStatus {
		t.Errorf("its status is number %d with priority %d, want the first with %d", count, priority, priorityStatus)
	}
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &status}, requestOf("busy", "status"))
	last := requestOf("busy", "last")
	q.Add(last)
	count, priority := take(t, q, last)
	if count < 4900 || priority != prioritySpec {
		t.Errorf("the last change is number %d with priority %d, want it after the others with %d", count, priority, prioritySpec)
	}
	if count, priority := take(t, q, requestOf("busy", "status")); count != 1 || priority != priorityStatus {
		t.Errorf("the status of the busy namespace is number %d with priority %d after its changes, want the first with %d", count, priority, priorityStatus)
	}
	if len(q.waiting) != 0 || len(q.crowds) != 0 {
		t.Errorf("an empty queue counts %d requests of %d namespaces", len(q.waiting), len(q.crowds))
	}
}

// The statuses of a namespace with many changes wait for the last of them, too.
func TestStatusesWaitUntilNoChangeDoes(t *testing.T) {
	t.Parallel()
	q := newTestQueue(t)
	for i := range 5000 {
		q.Add(requestOf("busy", strconv.Itoa(i)))
	}
	for range 4990 {
		next, _ := q.Get()
		q.Done(next)
	}
	status := requestOf("busy", "status")
	q.AddWithOpts(priorityqueue.AddOpts{Priority: new(priorityStatus)}, status)
	q.AddAfter(requestOf("busy", "0"), time.Hour) // It is no change.
	if count, priority := take(t, q, status); count != 11 || priority != priorityStatus {
		t.Errorf("the status is number %d with priority %d, want 11 with %d", count, priority, priorityStatus)
	}
	if len(q.crowds) != 0 {
		t.Errorf("after the last change, the queue counts %v", q.crowds)
	}
}

// An object that changes all the time waits once, behind what came before its last reconcile began.
func TestObjectThatAlwaysChangesDoesNotDelayAnother(t *testing.T) {
	t.Parallel()
	q := newTestQueue(t)
	busy, quiet := requestOf("busy", "web"), requestOf("quiet", "web")
	for range 100 {
		q.Add(busy)
	}
	q.Add(quiet)
	for range 3 {
		next, _ := q.Get()
		for range 100 { // While it is reconciled.
			q.Add(busy)
		}
		q.Done(next)
		if next == quiet {
			return
		}
	}
	t.Error("another namespace's change is not among the first three requests")
}

func TestPriorityOfOtherRequestsIgnoresTheirNamespace(t *testing.T) {
	t.Parallel()
	for _, want := range []int{priorityDrift, handler.LowPriority, priorityTemplates, priorityRecord} {
		q := newTestQueue(t)
		for i := range 2 * burst {
			q.Add(requestOf("busy", strconv.Itoa(i)))
		}
		request := requestOf("busy", "web")
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &want}, request)
		count, priority := take(t, q, request)
		if priority != want {
			t.Errorf("got priority %d, want %d", priority, want)
		}
		if isFirst := count == 1; isFirst != (want == priorityDrift) {
			t.Errorf("a request of priority %d is number %d", want, count)
		}
	}
}

func TestRequestIsCountedOnce(t *testing.T) {
	t.Parallel()
	q := newTestQueue(t)
	web := requestOf("busy", "web")
	for range 2 * burst {
		q.Add(web)
		q.AddAfter(web, 0)
		q.AddRateLimited(web)
	}
	if q.crowds["busy"].count != 1 {
		t.Errorf("the queue counts %d requests, want 1", q.crowds["busy"].count)
	}
	if next, _ := q.Get(); next != web || len(q.waiting) != 0 {
		t.Errorf("got %v, and %d requests wait", next, len(q.waiting))
	}
}
