package cdi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/outage"
)

// retry is the time until a failed write is repeated, and until a file that was removed
// is written again.
const retry = 10 * time.Second

// Devices is the source of devices.
type Devices interface {
	Snapshot() ([]inventory.Entry, <-chan struct{})
}

// Writer keeps one specification file up to date.
type Writer struct {
	file    string
	temp    string // replaces the file; its name is this Writer's own
	granter allocate.Granter
	devices Devices
	clock   clock.Clock
	writing sync.Mutex
	broken  atomic.Bool // the last attempt failed
}

// tempPrefix is the prefix of the temporary files of all Writers. Runtimes read only files that end in .json or .yaml.
const tempPrefix = ".nufi-"

// NewWriter returns a Writer of a file in one of the runtime's CDI directories.
func NewWriter(dir string, granter allocate.Granter, devices Devices, clk clock.Clock) *Writer {
	name := strings.ReplaceAll(granter.Resource, "/", "-") + ".json"
	return &Writer{
		file: filepath.Join(dir, name), temp: filepath.Join(dir, tempPrefix+rand.Text()),
		granter: granter, devices: devices, clock: clk,
	}
}

// Collector exports whether the file could be written.
func (w *Writer) Collector() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nufi_deviceplugin_cdi_up",
		Help: "1 if the CDI specification has the current devices, 0 if it could not be written: then no container gets a device.",
	}, func() float64 {
		if w.broken.Load() {
			return 0
		}
		return 1
	})
}

// Run keeps the file up to date until the context ends. The file stays.
func (w *Writer) Run(ctx context.Context) error {
	log := logr.FromContextOrDiscard(ctx).WithValues("file", w.file)
	w.removeLeftovers()
	var outages outage.Log
	for {
		_, changed := w.devices.Snapshot()
		outages.Record(log, w.Ensure(), "Could not write the CDI specification", "Wrote the CDI specification again")
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-w.clock.After(retry):
		}
	}
}

// Ensure returns once the file holds the current devices, so that a name granted
// afterwards can be resolved. It writes only changes.
func (w *Writer) Ensure() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	err := w.ensure()
	w.broken.Store(err != nil)
	return err
}

func (w *Writer) ensure() error {
	entries, _ := w.devices.Snapshot()
	devices := make([]discovery.Device, len(entries))
	for i, entry := range entries {
		devices[i] = entry.Device
	}
	spec := Specification(w.granter, devices)
	if len(spec.Devices) == 0 {
		return nil // a specification without devices is invalid; keep the last one
	}
	data, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the CDI specification: %w", err)
	}
	if current, err := os.ReadFile(w.file); err == nil && bytes.Equal(current, data) {
		return nil
	}
	return w.replace(data)
}

// replace replaces the file atomically.
func (w *Writer) replace(data []byte) error {
	if err := os.MkdirAll(filepath.Dir(w.file), 0o755); err != nil { //nolint:gosec // runtimes of any user read it
		return fmt.Errorf("creating the CDI directory: %w", err)
	}
	// Without the lock, another Writer may remove the temporary file; then the next attempt writes it again.
	if dir, err := w.lock(syscall.LOCK_SH); err == nil {
		defer dir.Close() //nolint:errcheck // nothing was written
	}
	temp, err := os.OpenFile(w.temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("creating the CDI specification: %w", err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(w.temp, w.file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the CDI specification: %w", err), os.Remove(w.temp))
	}
	return nil
}

// removeLeftovers removes the temporary files of Writers that were killed, unless one is writing.
func (w *Writer) removeLeftovers() {
	dir, err := w.lock(syscall.LOCK_EX)
	if err != nil {
		return
	}
	defer dir.Close()             //nolint:errcheck // nothing was written
	entries, _ := dir.ReadDir(-1) // tidiness only
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), tempPrefix) && entry.Type().IsRegular() {
			_ = os.Remove(filepath.Join(dir.Name(), entry.Name()))
		}
	}
}

// lock locks the directory until it is closed: Writers in all processes share it, and removeLeftovers excludes them.
// It does not wait, because another program may keep a lock for any time.
func (w *Writer) lock(how int) (*os.File, error) {
	dir, err := os.Open(filepath.Dir(w.file))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), how|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}
