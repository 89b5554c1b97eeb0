package inventory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
)

// Scanner reads the devices on the bus.
type Scanner interface {
	Scan(ctx context.Context) ([]discovery.Device, error)
	// Find returns one device, or false if it is not on the bus.
	Find(ctx context.Context, id string) (discovery.Device, bool)
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
	found chan refresh
	ended chan struct{} // closed when Run returned

	mu      sync.Mutex
	entries []Entry
	changed chan struct{} // closed, and replaced, when entries change
}

// New returns an Inventory that is empty until it is ready.
func New(scanner Scanner, prober Prober, options Options) *Inventory {
	return &Inventory{
		scanner: scanner, prober: prober, options: options,
		ready: make(chan struct{}), found: make(chan refresh),
		ended: make(chan struct{}), changed: make(chan struct{}),
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

// refresh is devices that were read again. recorded is closed once a snapshot has them.
type refresh struct {
	devices  []discovery.Device
	recorded chan struct{}
}

// Refresh reads known devices again, and returns once snapshots have them: a driver that was
// reloaded since the last scan may have given their nodes to other devices. Devices that are
// not on the bus stay as they are, and all do once Run has returned. It fails only if the
// context ends.
func (i *Inventory) Refresh(ctx context.Context, ids []string) error {
	devices := make([]discovery.Device, len(ids))
	var all sync.WaitGroup
	for at, id := range ids {
		all.Go(func() { devices[at], _ = i.scanner.Find(ctx, id) })
	}
	all.Wait()
	f := refresh{devices, make(chan struct{})}
	select {
	case i.found <- f:
		<-f.recorded
		return nil
	case <-i.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("reading the devices again: %w", ctx.Err())
	}
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
	defer close(i.ended)
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
			updater.recordScan(s)
			w.probe(ctx, store.devices())
		case f := <-i.found:
			updater.recordDevices(f.devices)
			close(f.recorded)
		case p := <-w.probes:
			if updater.probed(p) && p.observation.Result == health.Absent {
				w.scan(ctx) // a reloaded driver may have created other nodes
			}
		}
	}
}
