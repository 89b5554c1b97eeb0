// Package inventorytest has an inventory for tests of what reads one.
package inventorytest

import (
	"context"
	"sync"

	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// Devices is an inventory whose contents a test sets. It is ready.
type Devices struct {
	mu      sync.Mutex
	entries []inventory.Entry
	reread  []inventory.Entry
	changed chan struct{}
	ready   chan struct{}
}

// New returns an inventory of entries, which must be sorted by ID.
func New(entries ...inventory.Entry) *Devices {
	d := &Devices{entries: entries, changed: make(chan struct{}), ready: make(chan struct{})}
	close(d.ready)
	return d
}

// Ready is closed.
func (d *Devices) Ready() <-chan struct{} { return d.ready }

// Snapshot returns the entries, and a channel that Set closes.
func (d *Devices) Snapshot() ([]inventory.Entry, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entries, d.changed
}

// Set replaces the entries.
func (d *Devices) Set(entries ...inventory.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = entries
	close(d.changed)
	d.changed = make(chan struct{})
}

// Change sets the entries that the next Refresh reads.
func (d *Devices) Change(entries ...inventory.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reread = entries
}

// Refresh replaces the entries by those of Change.
func (d *Devices) Refresh(context.Context, []string) error {
	d.mu.Lock()
	entries := d.reread
	d.reread = nil
	d.mu.Unlock()
	if entries != nil {
		d.Set(entries...)
	}
	return nil
}
