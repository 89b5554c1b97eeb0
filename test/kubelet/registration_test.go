package kubelet

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEightOfEightAreRegistered(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 8), f)
	p.awaitReady()
	k.awaitCapacity(8, 8)
	if age, err := p.metric(`nufi_deviceplugin_registration_age_seconds{resource="sapeon.com/snx3"}`); err != nil || age <= 0 {
		t.Errorf("the registration's age is %v, %v", age, err)
	}
}

func TestPluginWaitsForAnAbsentKubelet(t *testing.T) {
	f := newFolder(t)
	p := startPlugin(t, newHost(t, 8), f) // there is not even a directory
	p.awaitMetric(`nufi_deviceplugin_devices{resource="sapeon.com/snx3",state="Healthy"}`, 8)
	if p.check("/readyz") == nil {
		t.Error("ready without a kubelet")
	}
	if err := p.check("/healthz"); err != nil {
		t.Errorf("a kubelet that is late is no reason for a restart: %v", err)
	}
	k := startKubelet(t, f)
	k.awaitCapacity(8, 8)
	p.awaitMetric(`nufi_deviceplugin_registrations_total{resource="sapeon.com/snx3",result="success"}`, 1)
}

func TestRejectedRegistrationBacksOffUntilANewKubelet(t *testing.T) {
	f := newFolder(t)
	if err := os.Mkdir(f.plugins(), 0o755); err != nil {
		t.Fatal(err)
	}
	dead := deadSocket(t, filepath.Join(f.plugins(), "kubelet.sock"))
	started := time.Now()
	p := startPlugin(t, newHost(t, 8), f)
	eventually(t, timeout, func() error {
		failures, err := p.metric(`nufi_deviceplugin_registrations_total{resource="sapeon.com/snx3",result="failure"}`)
		if err == nil && failures < 5 {
			err = fmt.Errorf("%v attempts failed", failures)
		}
		return err
	})
	if took := time.Since(started); took < 1500*time.Millisecond {
		t.Errorf("the fifth attempt came %s after the start", took)
	}
	if err := os.Remove(dead); err != nil {
		t.Fatal(err)
	}
	started = time.Now()
	startKubelet(t, f).awaitCapacity(8, 8)
	t.Logf("registered %s after the kubelet's start", time.Since(started).Round(time.Millisecond))
}

func TestHangingKubeletIsReplacedByItsSuccessor(t *testing.T) {
	f := newFolder(t)
	if err := os.Mkdir(f.plugins(), 0o755); err != nil {
		t.Fatal(err)
	}
	hung, err := net.Listen("unix", filepath.Join(f.plugins(), "kubelet.sock"))
	if err != nil {
		t.Fatal(err)
	}
	p := startPlugin(t, newHost(t, 8), f)
	conn, err := hung.Accept() // it is calling now
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Close(), hung.Close()
	startKubelet(t, f).awaitCapacity(8, 8)
	p.awaitReady()
}

func TestKubeletRestartKeepsPodsAndTheirDevices(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 8), f)
	k.awaitCapacity(8, 8)
	pod := newPod("llama", 2)
	held := k.mustAdmit(pod)

	k.stop()
	started := time.Now()
	k = startKubelet(t, f, pod)
	k.awaitCapacity(8, 8)
	t.Logf("registered %s after the kubelet's restart", time.Since(started).Round(time.Millisecond))
	p.awaitReady()
	if diff := cmp.Diff(held, k.devicesOf(pod)); diff != "" {
		t.Errorf("the pod's devices: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(held, k.mustAdmit(pod)); diff != "" {
		t.Errorf("admitted again: -want +got:\n%s", diff)
	}
	if other := k.mustAdmit(newPod("other", 2)); overlap(held, other) {
		t.Errorf("%v and %v", held, other)
	}
}

func TestPluginRestartKeepsRunningPods(t *testing.T) {
	f, h := newFolder(t), newHost(t, 8)
	k := startKubelet(t, f)
	p := startPlugin(t, h, f)
	k.awaitCapacity(8, 8)
	pod := newPod("llama", 4)
	held := k.mustAdmit(pod)
	before, err := k.containerOptions(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}

	p.terminate()
	k.awaitCapacity(8, 0)
	startPlugin(t, h, f)
	k.awaitCapacity(8, 8)
	after, err := k.containerOptions(t.Context(), pod) // its container restarts
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the container's options: -before +after:\n%s", diff)
	}
	if other := k.mustAdmit(newPod("other", 4)); overlap(held, other) {
		t.Errorf("%v and %v", held, other)
	}
}

func TestSocketOfACrashedPluginIsRemoved(t *testing.T) {
	f, h := newFolder(t), newHost(t, 8)
	k := startKubelet(t, f)
	p := startPlugin(t, h, f)
	k.awaitCapacity(8, 8)
	for range 3 {
		_ = p.end(syscall.SIGKILL)
		k.awaitCapacity(8, 0)
		p = startPlugin(t, h, f)
		k.awaitCapacity(8, 8)
	}
	if got := sockets(t, f); len(got) != 1 {
		t.Errorf("three crashes leave %v", got)
	}
}

func TestTwoPluginsCoexist(t *testing.T) {
	f, h := newFolder(t), newHost(t, 8)
	k := startKubelet(t, f)
	first := startPlugin(t, h, f)
	first.awaitReady()
	second := startPlugin(t, h, f) // The kubelet uses the newer one.
	second.awaitReady()
	k.awaitCapacity(8, 8)
	lowest := k.lowest()
	k.mustAdmit(newPod("llama", 2))
	_ = first.end(syscall.SIGKILL)
	k.mustAdmit(newPod("other", 2))
	h.removeNode(7)
	k.awaitCapacity(8, 7) // The remaining one continues to report.
	if got := lowest(); got < 7 {
		t.Errorf("allocatable was as low as %d", got)
	}
	_ = second.end(syscall.SIGKILL)
	k.awaitCapacity(8, 0)
}

func TestRollingUpdateKeepsAllocatable(t *testing.T) {
	f, h := newFolder(t), newHost(t, 8)
	k := startKubelet(t, f)
	old := startPlugin(t, h, f)
	k.awaitCapacity(8, 8)
	lowest := k.lowest()
	for range 3 {
		next := startPlugin(t, h, f)
		next.awaitReady() // what maxSurge waits for
		old.terminate()
		k.mustAdmit(newPod(next.url, 1))
		old = next
	}
	if got := lowest(); got != 8 {
		t.Errorf("allocatable was as low as %d", got)
	}
}

func TestPluginRegistersAgainAfterItsSocketIsRemoved(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 8), f)
	p.awaitReady()
	k.awaitCapacity(8, 8)
	lowest, before := k.lowest(), sockets(t, f)
	for _, socket := range before {
		if err := os.Remove(filepath.Join(f.plugins(), socket)); err != nil {
			t.Fatal(err)
		}
	}
	p.awaitMetric(`nufi_deviceplugin_registrations_total{resource="sapeon.com/snx3",result="success"}`, 2)
	p.awaitReady()
	if after := sockets(t, f); len(after) != 1 || after[0] == before[0] {
		t.Errorf("%v became %v", before, after)
	}
	if got := lowest(); got != 8 {
		t.Errorf("allocatable was as low as %d", got)
	}
	k.mustAdmit(newPod("llama", 2))
}

func TestPluginFindsAReplacedDirectory(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 8), f)
	p.awaitReady()
	k.stop()
	// The plugin may create a socket in it at the same time.
	eventually(t, timeout, func() error { return os.RemoveAll(f.plugins()) })
	startKubelet(t, f).awaitCapacity(8, 8)
	p.awaitReady()
}

// The folder's symlink is replaced. The watch of its former target yields no event, so that the plugin
// must poll.
func TestKubeletIsFoundWithoutFileEvents(t *testing.T) {
	f := newFolder(t)
	link := func(to string) {
		target, draft := filepath.Join(string(f), to), filepath.Join(string(f), "draft")
		if err := errors.Join(os.Mkdir(target, 0o755), os.Symlink(to, draft), os.Rename(draft, f.plugins())); err != nil {
			t.Fatal(err)
		}
	}
	link("before")
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 8), f)
	p.awaitReady()
	k.stop()
	link("after")
	startKubelet(t, f).awaitCapacity(8, 8)
	p.awaitReady()
}

func TestTerminatedPluginRemovesItsSocket(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 8), f)
	k.awaitCapacity(8, 8)
	started := time.Now()
	p.terminate()
	if took := time.Since(started); took > 5*time.Second { // with one, it may take six
		t.Errorf("the plugin took %s to stop without a call in flight", took)
	}
	if got := sockets(t, f); len(got) != 0 {
		t.Errorf("left behind %v", got)
	}
}

func TestNodeHasTheResourceOnceADeviceIsFound(t *testing.T) {
	f, h := newFolder(t), newHost(t, 0)
	k := startKubelet(t, f)
	p := startPlugin(t, h, f)
	p.awaitReady()
	if got := sockets(t, f); len(got) != 0 {
		t.Errorf("the plugin has the sockets %v without a device", got)
	}
	h.plug(0, 0)
	k.awaitCapacity(1, 1)
}

// sockets lists the plugins' sockets.
func sockets(t *testing.T, f folder) []string {
	t.Helper()
	entries, err := os.ReadDir(f.plugins())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "sapeon.com-snx3-") {
			names = append(names, entry.Name())
		}
	}
	return names
}

// deadSocket creates a socket without a listener, as a killed kubelet leaves it.
func deadSocket(t *testing.T, path string) string {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func overlap(a, b []string) bool {
	for _, id := range a {
		for _, other := range b {
			if id == other {
				return true
			}
		}
	}
	return false
}
