package report_test

import (
	"sync"

	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// devices is an inventory with fixed contents.
type devices struct {
	mu      sync.Mutex
	entries []inventory.Entry
	changed chan struct{}
	ready   chan struct{}
}

func newDevices(entries ...inventory.Entry) *devices {
	d := &devices{entries: entries, changed: make(chan struct{}), ready: make(chan struct{})}
	close(d.ready)
	return d
}

func (d *devices) Ready() <-chan struct{} { return d.ready }

func (d *devices) Snapshot() ([]inventory.Entry, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entries, d.changed
}

func (d *devices) set(entries ...inventory.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = entries
	close(d.changed)
	d.changed = make(chan struct{})
}
