package apply

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxFailing bounds the time that one Apply spends on objects that fail. A webhook that does not respond
// takes 10 s by default, and 30 s at most.
const maxFailing = time.Minute

// Applier applies sets. It is safe for concurrent use by different owners.
type Applier struct {
	cache          cache.Cache
	direct         client.Reader
	writer         client.Writer
	checkInstalled func(schema.GroupVersionKind) error
	kinds          map[string][]childKind // by the kind of the owner

	lastApplied lastAppliedStore
	contention  contentionTracker
}

// Options are the dependencies of an Applier.
type Options struct {
	// Cache reads objects of the kinds that NewCachedObject returns, with the label LabelManagedBy
	// and summarized by Summarize. They are not modified.
	Cache cache.Cache
	// Client reads from and writes to the API server.
	Client client.Client
	// CheckInstalled returns ErrNotInstalled for a kind that is not installed, and another error for
	// one whose objects the informers cannot list. It makes no request.
	CheckInstalled func(schema.GroupVersionKind) error
	Clock          clock.PassiveClock
}

// New returns an Applier.
func New(o Options) *Applier {
	return &Applier{
		cache: o.Cache, direct: o.Client, writer: o.Client, checkInstalled: o.CheckInstalled,
		kinds:       map[string][]childKind{v1.Kind: childKinds(v1.Kind), v1.KindProject: childKinds(v1.KindProject)},
		lastApplied: lastAppliedStore{byOwner: map[types.UID][]lastApplied{}},
		contention:  contentionTracker{clock: o.Clock, byObject: map[objectID]*contention{}},
	}
}

// Result is what an Apply changed.
type Result struct {
	Changes ChangeSet
	// Inventory is the recorded inventory without the entries that are no longer required.
	Inventory []v1.InventoryEntry
	// Admission describes the fields that admission changed, and RecheckAfter is when to apply
	// again to check whether it still does. Both are zero if admission changed none.
	Admission    string
	RecheckAfter time.Duration
	// Additions describes the fields that other managers added, and is empty if there are none.
	Additions string
}

// Apply applies the objects of the set that differ. If there is no error, it then deletes the owner's other objects.
// After an error it continues with the next object, unless that depends on the failed one, the API server is
// unavailable, or the failures took maxFailing. The returned error joins all errors (see Explain). The
// Result is valid in either case.
func (a *Applier) Apply(ctx context.Context, set *ObjectSet, recorded Recorded) (Result, error) {
	changes, err := a.applyAll(ctx, set, recorded)
	result := Result{Changes: changes, Inventory: a.inventory(set, recorded.Inventory)}
	if err == nil {
		var pruned ChangeSet
		pruned, err = a.prune(ctx, set)
		result.Changes = append(result.Changes, pruned...)
	}
	result.Admission, result.RecheckAfter = a.overwritten(set)
	result.Additions = a.additions(set)
	return result, err
}

// applyAll applies the objects of a set. The error joins the errors of the objects.
func (a *Applier) applyAll(ctx context.Context, set *ObjectSet, recorded Recorded) (ChangeSet, error) {
	var changes ChangeSet
	failed := failures{clock: a.contention.clock}
	for _, desired := range set.manifests {
		start := failed.clock.Now()
		change, err := a.applyObject(ctx, set.owner, desired, recorded)
		if err == nil || change.Action != "" {
			changes = append(changes, change)
		}
		if err != nil && (failed.add(err, start) || desired.ref.isPrerequisite()) {
			break
		}
	}
	return changes, errors.Join(failed.errs...)
}

// failures are the errors of some of a set's objects.
type failures struct {
	clock clock.PassiveClock
	errs  []error
	took  time.Duration
}

// add adds the error of a request that began at start. It reports whether to try no further object.
func (f *failures) add(err error, start time.Time) (isLast bool) {
	f.errs = append(f.errs, err)
	f.took += f.clock.Since(start)
	return isServerUnavailable(err) || f.took >= maxFailing
}

// Forget drops the state of an owner that was deleted.
func (a *Applier) Forget(owner types.UID) {
	a.lastApplied.forget(owner)
	a.contention.forget(owner)
}
