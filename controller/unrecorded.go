package controller

import (
	"errors"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// errUndecided means that the controller may have updated an NpuDeploy before it started: its rollouts have to decide
// that again, or its objects would return to the earlier set until then.
var errUndecided = errors.New("the rollouts have not decided yet")

// maxUndecided is how long NpuDeploys wait for the decision. If it fails for longer, such as while TemplateRollouts
// cannot be written, their specs and drift count more than a return to the earlier set that replaces no server.
const maxUndecided = time.Minute

// unrecordedAssignments has the assignments that are recorded with their result, because no server is replaced. Others
// are recorded in the status before they take effect.
type unrecordedAssignments struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	decided string    // the digest of the last set that the rollouts have decided about
	asked   time.Time // when a reconcile asked for the first decision
	byUID   map[types.UID]unrecordedAssignment
	waiting map[types.UID]struct{} // those that no reconcile has begun to apply
	// enqueue reconciles those whose record waited for the others.
	enqueue func(...types.NamespacedName)
}

type unrecordedAssignment struct {
	name    types.NamespacedName
	before  *v1.RolloutAssignment // what the status recorded
	next    *v1.RolloutAssignment
	applies int // reconciles that changed objects
}

// isUnrecorded reports whether there is an assignment, and the status has the one before.
func (a unrecordedAssignment) isUnrecorded(deploy *v1.NpuDeploy) bool {
	return a.next != nil && equality.Semantic.DeepEqual(a.before, deploy.Status.Rollout)
}

func newUnrecordedAssignments(passive clock.PassiveClock, enqueue func(...types.NamespacedName)) *unrecordedAssignments {
	return &unrecordedAssignments{
		clock: passive, byUID: map[types.UID]unrecordedAssignment{}, waiting: map[types.UID]struct{}{}, enqueue: enqueue,
	}
}

// setDecided is called after the rollouts have assigned a set, or found that it needs no rollout.
func (u *unrecordedAssignments) setDecided(digest string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.decided = digest
}

// hasDecided reports whether setDecided was called for the set. Before that, a rollout of it may begin.
func (u *unrecordedAssignments) hasDecided(digest string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.decided == digest
}

func (u *unrecordedAssignments) add(deploy *v1.NpuDeploy, assignment v1.RolloutAssignment) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.byUID[deploy.UID] = unrecordedAssignment{
		name: client.ObjectKeyFromObject(deploy), before: deploy.Status.Rollout, next: &assignment,
	}
	u.waiting[deploy.UID] = struct{}{}
}

// of returns the assignment of an NpuDeploy: that of its status, if that was recorded since. It is shared.
func (u *unrecordedAssignments) of(deploy *v1.NpuDeploy) *v1.RolloutAssignment {
	if next := u.unrecordedOf(deploy); next != nil {
		return next
	}
	return deploy.Status.Rollout
}

// unrecordedOf returns the assignment that the status does not have, or nil.
func (u *unrecordedAssignments) unrecordedOf(deploy *v1.NpuDeploy) *v1.RolloutAssignment {
	u.mu.Lock()
	defer u.mu.Unlock()
	if assigned := u.byUID[deploy.UID]; assigned.isUnrecorded(deploy) {
		return assigned.next
	}
	return nil
}

// begin is called when a reconcile begins to apply the assignment, before it reads that. It reports whether the
// rollouts have decided, or it has waited for that for long enough.
func (u *unrecordedAssignments) begin(deploy *v1.NpuDeploy) (isDecided bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, waits := u.waiting[deploy.UID]; waits {
		delete(u.waiting, deploy.UID)
		u.enqueueAll()
	}
	if u.asked.IsZero() {
		u.asked = u.clock.Now()
	}
	return u.decided != "" || u.clock.Since(u.asked) >= maxUndecided
}

// enqueueAll reconciles all, if none waits any more.
func (u *unrecordedAssignments) enqueueAll() {
	if len(u.waiting) > 0 {
		return
	}
	for _, assigned := range u.byUID {
		u.enqueue(assigned.name)
	}
}

// applied is called after a reconcile changed objects.
func (u *unrecordedAssignments) applied(deploy *v1.NpuDeploy) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if assigned, ok := u.byUID[deploy.UID]; ok {
		assigned.applies++
		u.byUID[deploy.UID] = assigned
	}
}

// mayWait reports whether the record of an assignment may wait: others have not begun, and it was not applied again,
// because another client changed the objects, such as a second controller, which follows what is recorded.
func (u *unrecordedAssignments) mayWait(deploy *v1.NpuDeploy) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	assigned := u.byUID[deploy.UID]
	return assigned.isUnrecorded(deploy) && assigned.applies < 2 && len(u.waiting) > 0
}

// retain forgets those that the status has, and those of NpuDeploys that are no members any more.
func (u *unrecordedAssignments) retain(members []rolloutMember) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.byUID
	u.byUID = map[types.UID]unrecordedAssignment{}
	for i := range members {
		deploy := members[i].object
		if assigned := before[deploy.UID]; assigned.isUnrecorded(deploy) {
			u.byUID[deploy.UID] = assigned
		}
	}
	waited := len(u.waiting)
	maps.DeleteFunc(u.waiting, func(uid types.UID, _ struct{}) bool {
		_, isKept := u.byUID[uid]
		return !isKept
	})
	if len(u.waiting) < waited {
		u.enqueueAll()
	}
}
