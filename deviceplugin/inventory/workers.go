package inventory

import (
	"context"
	"sync"
	"time"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
)

// workers run scans and probes beside Run's goroutine: at most one scan, and one
// probe per device, at a time.
type workers struct {
	scanner Scanner
	prober  Prober
	timeout time.Duration

	scans  chan scan
	probes chan probed

	mu   sync.Mutex
	busy map[string]bool // device IDs, and "" for the scan
	all  sync.WaitGroup
}

type scan struct {
	devices []discovery.Device
	err     error
}

type probed struct {
	id          string
	observation health.Observation
}

func newWorkers(scanner Scanner, prober Prober, timeout time.Duration) *workers {
	return &workers{
		scanner: scanner, prober: prober, timeout: timeout,
		scans: make(chan scan), probes: make(chan probed), busy: map[string]bool{},
	}
}

func (w *workers) scan(ctx context.Context) {
	w.start("", func() {
		devices, err := w.scanner.Scan(ctx)
		select {
		case w.scans <- scan{devices, err}:
		case <-ctx.Done():
		}
	})
}

func (w *workers) probe(ctx context.Context, devices []discovery.Device) {
	for _, device := range devices {
		w.start(device.ID, func() {
			bounded, cancel := context.WithTimeout(ctx, w.timeout)
			defer cancel()
			o := w.prober.Observe(bounded, device)
			select {
			case w.probes <- probed{device.ID, o}:
			case <-ctx.Done():
			}
		})
	}
}

func (w *workers) start(key string, work func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[key] {
		return
	}
	w.busy[key] = true
	w.all.Go(func() {
		defer w.end(key)
		work()
	})
}

func (w *workers) end(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, key)
}

// wait waits for all workers; the context must have ended.
func (w *workers) wait() {
	w.all.Wait()
}
