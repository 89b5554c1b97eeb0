package apply

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// contentionThreshold corrections within contentionWindow are contention.
	contentionThreshold = 5
	contentionWindow    = time.Minute
	// From then on the delay before a correction doubles, between these bounds.
	contentionMinDelay = 10 * time.Second
	contentionMaxDelay = 5 * time.Minute
)

const kubeControllerManager = "kube-controller-manager"

// objectID identifies one object of one owner.
type objectID struct {
	owner types.UID
	key   key
}

// contention is the history of corrections of one object.
type contention struct {
	corrections []time.Time
	delay       time.Duration // zero below the threshold
	other       otherManager
}

// otherManager is the field manager that overwrites a field of ours. Both are empty if they
// are unknown.
type otherManager struct{ name, field string }

// contentionTracker counts corrections in a sliding window.
type contentionTracker struct {
	clock    clock.PassiveClock
	mu       sync.Mutex
	byObject map[objectID]*contention
}

// next returns how long the next correction must wait, and whether there is contention.
func (t *contentionTracker) next(id objectID) (wait time.Duration, isContended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	current := t.byObject[id]
	if current == nil {
		return 0, false
	}
	now := t.clock.Now()
	current.dropBefore(now.Add(-contentionWindow))
	if current.delay == 0 && len(current.corrections) >= contentionThreshold {
		current.delay = contentionMinDelay
	}
	return max(0, current.last().Add(current.delay).Sub(now)), current.delay > 0
}

// corrected counts a successful correction. A failed one does not indicate another manager.
func (t *contentionTracker) corrected(id objectID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	current := t.byObject[id]
	if current == nil {
		current = &contention{}
		t.byObject[id] = current
	}
	current.delay = min(2*current.delay, contentionMaxDelay)
	current.corrections = append(current.corrections, t.clock.Now())
}

// check returns a *ContestedError until no correction was necessary for a while.
func (t *contentionTracker) check(id objectID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	current := t.byObject[id]
	if current == nil {
		return nil
	}
	now := t.clock.Now()
	end := current.last().Add(contentionWindow)
	if !now.Before(end) {
		delete(t.byObject, id)
		return nil
	}
	if current.delay == 0 {
		return nil
	}
	return newContested(id, current.other, end.Sub(now))
}

// otherManager returns the other manager of an object, found once.
func (t *contentionTracker) otherManager(id objectID, find func() otherManager) otherManager {
	t.mu.Lock()
	current := t.byObject[id]
	other := current.other
	t.mu.Unlock()
	if other != (otherManager{}) {
		return other
	}
	other = find() // Sends requests: not under the lock.
	t.mu.Lock()
	defer t.mu.Unlock()
	current.other = other
	return other
}

func (t *contentionTracker) delete(id objectID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byObject, id)
}

func (t *contentionTracker) forget(owner types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.byObject {
		if id.owner == owner {
			delete(t.byObject, id)
		}
	}
}

// dropBefore keeps the last correction in any case: the delay counts from it.
func (c *contention) dropBefore(limit time.Time) {
	for len(c.corrections) > 1 && c.corrections[0].Before(limit) {
		c.corrections = c.corrections[1:]
	}
}

func (c *contention) last() time.Time {
	if len(c.corrections) == 0 {
		return time.Time{}
	}
	return c.corrections[len(c.corrections)-1]
}

// backOff returns a *ContestedError while a correction must wait.
func (a *Applier) backOff(ctx context.Context, owner Owner, desired manifest, object *live) error {
	id := objectID{owner.UID, desired.ref.key()}
	wait, isContended := a.contention.next(id)
	if !isContended {
		return nil
	}
	other := a.contention.otherManager(id, func() otherManager { return a.findOtherManager(ctx, owner, desired, object) })
	if wait <= 0 {
		return nil
	}
	return newContested(id, other, wait)
}

// withOtherManager adds to a conflict the manager and the field, if they can be found.
func (a *Applier) withOtherManager(ctx context.Context, owner Owner, desired manifest, err error) error {
	conflict, isConflict := errors.AsType[*ConflictError](err)
	if !isConflict || conflict.ControlledBy != "" {
		return err
	}
	other := a.findOtherManager(ctx, owner, desired, &live{})
	return &ConflictError{Ref: conflict.Ref, Owner: owner.Name, Manager: other.name, Field: other.field}
}

// findOtherManager returns the manager that an apply without force conflicts with. If no
// manager owns the field (a label that was removed), it is the last writer.
func (a *Applier) findOtherManager(ctx context.Context, owner Owner, desired manifest, object *live) otherManager {
	if object == nil {
		return otherManager{}
	}
	body, err := desired.updateBody("")
	if err != nil {
		return otherManager{}
	}
	_, err = a.patch(ctx, owner, desired.ref, body, client.FieldOwner(v1.FieldManager), client.DryRunAll)
	if conflict, isConflict := errors.AsType[*ConflictError](err); isConflict {
		return otherManager{name: conflict.Manager, field: conflict.Field}
	}
	current := newObject(owner.Namespace, desired.ref)
	if err := a.direct.Get(ctx, client.ObjectKeyFromObject(current), current); err != nil {
		return otherManager{}
	}
	return otherManager{name: lastWriter(current.GetManagedFields())}
}

// lastWriter returns the manager that wrote last, apart from us and Kubernetes' own
// controllers, which write status.
func lastWriter(entries []metav1.ManagedFieldsEntry) string {
	others := slices.DeleteFunc(slices.Clone(entries), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == v1.FieldManager || entry.Manager == handOffManager ||
			entry.Manager == kubeControllerManager || entry.Subresource != "" || entry.Time == nil
	})
	if len(others) == 0 {
		return ""
	}
	return slices.MaxFunc(others, func(a, b metav1.ManagedFieldsEntry) int {
		return a.Time.Compare(b.Time.Time)
	}).Manager
}
