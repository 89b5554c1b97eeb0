package cdi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/inventory"
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
	granter allocate.Granter
	devices Devices
	clock   clock.Clock
	writing sync.Mutex
}

// NewWriter returns a Writer of a file in one of the runtime's CDI directories.
func NewWriter(dir string, granter allocate.Granter, devices Devices, clk clock.Clock) *Writer {
	name := strings.ReplaceAll(granter.Resource, "/", "-") + ".json"
	return &Writer{file: filepath.Join(dir, name), granter: granter, devices: devices, clock: clk}
}

// Run keeps the file up to date until the context ends. The file stays.
func (w *Writer) Run(ctx context.Context) error {
	log := logr.FromContextOrDiscard(ctx)
	for {
		_, changed := w.devices.Snapshot()
		if err := w.Ensure(); err != nil {
			log.Error(err, "Could not write the CDI specification", "file", w.file)
		}
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
	return replace(w.file, data)
}

// replace replaces a file atomically.
func replace(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // runtimes of any user read it
		return fmt.Errorf("creating the CDI directory: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".nufi-*")
	if err != nil {
		return fmt.Errorf("creating the CDI specification: %w", err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the CDI specification: %w", err), os.Remove(temp.Name()))
	}
	return nil
}
