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

// Prober looks at one device.
type Prober interface {
	Observe(ctx context.Context, device discovery.Device) health.Observation
}

// Options say how often to look, and how to judge.
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
	scanner Scanner
	prober  Prober
	options Options
	tell    []func(Transition)

	ready chan struct{} // closed when every device that was found first is probed

	mu      sync.Mutex
	entries []Entry
	changed chan struct{} // closed, and replaced, when entries change
}

// New makes an Inventory that is empty until it runs.
func New(scanner Scanner, prober Prober, options Options) *Inventory {
	return &Inventory{
		scanner: scanner, prober: prober, options: options,
		ready: make(chan struct{}), changed: make(chan struct{}),
	}
}

// Tell has a function called for each transition, in order. It must not block, and
// the inventory must not run yet.
func (i *Inventory) Tell(notify func(Transition)) {
	i.tell = append(i.tell, notify)
}

// Ready is closed once the bus was scanned and all that was found is probed: from
// then on a snapshot is worth telling a kubelet.
func (i *Inventory) Ready() <-chan struct{} {
	return i.ready
}

// Snapshot returns what is known now, sorted by ID, and a channel that is closed when
// that is no longer all. The entries are shared: they are not to be written to.
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

	book := newBook(i.options.Policy, i.options.ForgetAfter)
	keeper := keeper{inventory: i, book: book, log: logr.FromContextOrDiscard(ctx)}
	w.scan(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-rescans.C():
			w.scan(ctx)
		case <-probes.C():
			w.probe(ctx, book.devices())
		case s := <-w.scans:
			keeper.scanned(s)
			w.probe(ctx, book.devices())
		case p := <-w.probes:
			keeper.probed(p)
		}
	}
}
