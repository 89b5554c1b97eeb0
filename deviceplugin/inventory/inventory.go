package inventory

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
)

// Scanner lists the devices on the bus.
type Scanner interface {
	Scan(ctx context.Context) ([]discovery.Device, error)
}

// Prober probes one device.
type Prober interface {
	Observe(ctx context.Context, device discovery.Device) health.Observation
}

// Options configure the intervals and the evaluation.
type Options struct {
	Policy      health.Policy
	Interval    time.Duration // between two probes of a device
	Timeout     time.Duration // of one probe
	Rescan      time.Duration // between two scans
	ForgetAfter time.Duration // of a device that left the bus
	Clock       clock.WithTicker
}

// Inventory is the devices of one description on this host.
type Inventory struct {
	scanner   Scanner
	prober    Prober
	options   Options
	listeners []func(Transition)

	ready chan struct{} // closed when every device of the first scan is probed

	mu      sync.Mutex
	entries []Entry
	changed chan struct{} // closed, and replaced, when entries change
}

// New returns an Inventory that is empty until it runs.
func New(scanner Scanner, prober Prober, options Options) *Inventory {
	return &Inventory{
		scanner: scanner, prober: prober, options: options,
		ready: make(chan struct{}), changed: make(chan struct{}),
	}
}

// OnTransition registers a function that is called for each transition, in order. It must
// not block. OnTransition must be called before Run.
func (i *Inventory) OnTransition(notify func(Transition)) {
	i.listeners = append(i.listeners, notify)
}

// Ready is closed once the bus was scanned and every device found is probed: from then
// on a snapshot can be advertised to a kubelet.
func (i *Inventory) Ready() <-chan struct{} {
	return i.ready
}

// Snapshot returns the current entries, sorted by ID, and a channel that is closed when
// they change. The entries are shared and must not be modified.
func (i *Inventory) Snapshot() ([]Entry, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.entries, i.changed
}

func (i *Inventory) publish(entries []Entry) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.entries = entries
	close(i.changed)
	i.changed = make(chan struct{})
}

// Run keeps the inventory up to date until the context ends.
func (i *Inventory) Run(ctx context.Context) error {
	w := newWorkers(i.scanner, i.prober, i.options.Timeout)
	defer w.wait()
	probes := i.options.Clock.NewTicker(i.options.Interval)
	defer probes.Stop()
	rescans := i.options.Clock.NewTicker(i.options.Rescan)
	defer rescans.Stop()

	store := newStore(i.options.Policy, i.options.ForgetAfter)
	updater := updater{inventory: i, store: store, log: logr.FromContextOrDiscard(ctx)}
	w.scan(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-rescans.C():
			w.scan(ctx)
		case <-probes.C():
			w.probe(ctx, store.devices())
		case s := <-w.scans:
			updater.scanned(s)
			w.probe(ctx, store.devices())
		case p := <-w.probes:
			if updater.probed(p) && p.observation.Result == health.Gone {
				w.scan(ctx) // a reloaded driver may have created other nodes
			}
		}
	}
}
