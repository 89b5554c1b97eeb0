package cdi_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/utils/clock"
	specs "tags.cncf.io/container-device-interface/specs-go"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/cdi"
	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/inventory/inventorytest"
)

func TestSpecificationListsDevicesWithNodes(t *testing.T) {
	got, err := json.MarshalIndent(cdi.Specification(granter(), []discovery.Device{
		{ID: "0000:3b:00.0", Nodes: []string{"/dev/snx3_0"}}, {ID: "0000:5e:00.0"},
	}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/sapeon.com-snx3.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSpecificationHasTheNodeBehindALink(t *testing.T) {
	g := granter()
	g.HostPrefix = "/prefix"
	g.Target = func(node string) string {
		if node == "/dev/npu-0000:3b:00.0" {
			return "/dev/snx3_0"
		}
		return node
	}
	spec := cdi.Specification(g, []discovery.Device{{ID: "0000:3b:00.0", Nodes: []string{"/dev/npu-0000:3b:00.0"}}})
	want := []*specs.DeviceNode{{Path: "/dev/npu-0000:3b:00.0", HostPath: "/prefix/dev/snx3_0", Permissions: "rw"}}
	if diff := cmp.Diff(want, spec.Devices[0].ContainerEdits.DeviceNodes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEnsureWritesNewDevicesAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cdi")
	devices := inventorytest.New(device("a"))
	w := cdi.NewWriter(dir, granter(), devices, clock.RealClock{})
	if err := w.Ensure(); err != nil {
		t.Fatal(err)
	}
	devices.Set(device("a"), device("b"))
	if err := w.Ensure(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFileIsReplacedAtomically(t *testing.T) {
	dir := t.TempDir()
	devices := inventorytest.New(device("a"))
	w := cdi.NewWriter(dir, granter(), devices, clock.RealClock{})
	if err := w.Ensure(); err != nil {
		t.Fatal(err)
	}
	done, written := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(done)
		for i := range 50 {
			devices.Set(device(strings.Repeat("a", 1+i%60)))
			if err := w.Ensure(); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	reads := 0
	for running := true; running; reads++ {
		select {
		case <-done:
			running = false
		default:
		}
		if got := names(t, dir); len(got) != 1 || strings.Trim(got[0], "a") != "" { // it fails at what is no JSON
			t.Fatalf("read %d: %v", reads, got)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if reads < 10 {
		t.Errorf("only %d reads", reads)
	}
}

func TestUnchangedFileIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	w := cdi.NewWriter(dir, granter(), inventorytest.New(device("a")), clock.RealClock{})
	var before os.FileInfo
	for range 2 {
		if err := w.Ensure(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, "sapeon.com-snx3.json"))
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !os.SameFile(before, info) {
			t.Error("the file was replaced")
		}
		before = info
	}
}

func TestFileIsKeptWithoutDevices(t *testing.T) {
	dir := t.TempDir()
	devices := inventorytest.New(device("a"))
	w := cdi.NewWriter(dir, granter(), devices, clock.RealClock{})
	if err := w.Ensure(); err != nil {
		t.Fatal(err)
	}
	devices.Set()
	if err := w.Ensure(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, names(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFailedWriteLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sapeon.com-snx3.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := cdi.NewWriter(dir, granter(), inventorytest.New(device("a")), clock.RealClock{})
	if err := w.Ensure(); err == nil {
		t.Error("a directory was replaced")
	}
	if diff := cmp.Diff([]string{"sapeon.com-snx3.json"}, files(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLeftoversOfKilledWritersAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".nufi-killed", ".other-tool", "other.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".nufi-directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := cdi.NewWriter(dir, granter(), inventorytest.New(device("a")), clock.RealClock{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	writing, err := os.Open(dir)
	if err == nil {
		err = syscall.Flock(int(writing.Fd()), syscall.LOCK_SH) // as another Writer that writes
	}
	if err := errors.Join(err, w.Run(ended)); err != nil {
		t.Fatal(err)
	}
	want := []string{".nufi-directory", ".nufi-killed", ".other-tool", "other.json", "sapeon.com-snx3.json"}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("while another writes: -want +got:\n%s", diff)
	}
	if err := errors.Join(writing.Close(), w.Run(ended)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Delete(want, 1, 2), files(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLockOfAnotherProgramDelaysNoWrite(t *testing.T) {
	dir := t.TempDir()
	other, err := os.Open(dir)
	if err == nil {
		err = syscall.Flock(int(other.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	w := cdi.NewWriter(dir, granter(), inventorytest.New(device("a")), clock.RealClock{})
	written := make(chan error, 1)
	go func() { written <- w.Ensure() }()
	select {
	case err = <-written:
	case <-time.After(10 * time.Second):
		t.Error("the write waits for the lock")
	}
	if err := errors.Join(err, other.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, names(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFullDirectoryIsLoggedOnceAndExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cdi")
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // no directory can be made here
			t.Fatal(err)
		}
		var logged atomic.Int32
		log := funcr.New(func(_, _ string) { logged.Add(1) }, funcr.Options{})
		w := cdi.NewWriter(dir, granter(), inventorytest.New(device("a")), clock.RealClock{})
		expect := func(up float64, lines int32) {
			t.Helper()
			<-time.After(time.Minute)
			synctest.Wait()
			if got := testutil.ToFloat64(w.Collector()); got != up || logged.Load() != lines {
				t.Errorf("up is %v instead of %v, logged %d lines instead of %d", got, up, logged.Load(), lines)
			}
		}
		ctx, cancel := context.WithCancel(logr.NewContext(t.Context(), log))
		defer cancel()
		go func() { _ = w.Run(ctx) }()
		expect(0, 1)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		expect(1, 2)
	})
}

func TestFileOutlivesTheWriter(t *testing.T) {
	dir := t.TempDir()
	w := cdi.NewWriter(dir, granter(), inventorytest.New(device("a")), clock.RealClock{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, names(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func granter() allocate.Granter {
	return allocate.Granter{
		Resource:  "sapeon.com/snx3",
		Container: description.Container{Mounts: []description.Mount{{HostPath: "/opt/sapeon", ContainerPath: "/opt/sapeon"}}},
		Shared:    func() []string { return []string{"/dev/snx3ctl"} },
		Target:    func(node string) string { return node },
		CDI:       true,
	}
}

func device(id string) inventory.Entry {
	return inventory.Entry{Device: discovery.Device{ID: id, Nodes: []string{"/dev/" + id}}}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "sapeon.com-snx3.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, device := range spec.Devices {
		names = append(names, device.Name)
	}
	return names
}
