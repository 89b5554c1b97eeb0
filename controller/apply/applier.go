package apply

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Applier applies sets. It is safe for many owners at a time, and for one set of each.
type Applier struct {
	cache  client.Reader
	direct client.Reader
	writer client.Writer
	served func(schema.GroupVersionKind) bool

	memory memory
	fights fights
}

// Options are what an Applier works with.
type Options struct {
	// Cache reads what NewChild returns, of the objects that carry the label
	// LabelManagedBy, summarized. They are not modified.
	Cache client.Reader
	// Client asks the API server itself.
	Client client.Client
	// Served says, without asking, whether a kind is installed.
	Served func(schema.GroupVersionKind) bool
	Clock  clock.PassiveClock
}

// New returns an Applier that knows of no apply yet.
func New(o Options) *Applier {
	return &Applier{
		cache: o.Cache, direct: o.Client, writer: o.Client, served: o.Served,
		memory: memory{traces: map[types.UID]map[key]trace{}},
		fights: fights{clock: o.Clock, byChild: map[child]*fight{}},
	}
}

// Record writes the inventory down. An error keeps everything else from happening.
type Record func(ctx context.Context, inventory []v1.InventoryEntry) error

// Result is what an Apply did, and what is now on the inventory.
type Result struct {
	Changes   ChangeSet
	Inventory []v1.InventoryEntry
}

// Apply makes the cluster hold set. It goes on to the next child after an error, as
// far as that makes sense; the error joins all of them (see Explain). The Result is
// right in either case.
func (a *Applier) Apply(ctx context.Context, set *Set, recorded []v1.InventoryEntry, record Record) (Result, error) {
	list, isNew := newInventory(set, recorded)
	if isNew {
		if err := record(ctx, list); err != nil {
			return Result{Inventory: recorded}, fmt.Errorf("recording the inventory: %w", err)
		}
	}
	result := Result{}
	var faults []error
	for i, wanted := range set.manifests {
		change, err := a.applyChild(ctx, set.owner, wanted, list[i], list)
		if err == nil || change.Action != "" {
			result.Changes = append(result.Changes, change)
		}
		faults = append(faults, err)
		if unavailable := (*UnavailableError)(nil); errors.As(err, &unavailable) {
			break
		}
		if err != nil && wanted.ref.isGround() {
			break
		}
	}
	err := errors.Join(faults...)
	if err == nil {
		var pruned ChangeSet
		pruned, list, err = a.prune(ctx, set, list)
		result.Changes = append(result.Changes, pruned...)
	}
	result.Inventory = list
	return result, err
}

// Forget drops what is remembered of an owner that is gone.
func (a *Applier) Forget(owner types.UID) {
	a.memory.forget(owner)
	a.fights.forget(owner)
}
