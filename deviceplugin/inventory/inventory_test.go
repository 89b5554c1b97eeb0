package inventory_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// These tests run in synctest bubbles: time advances only while all goroutines wait.

func TestReadyWaitsForTheFirstProbeOfEveryDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a", "b")
		host.block("b")
		i := start(t, host)
		synctest.Wait()
		if isClosed(i.Ready()) {
			t.Error("ready with a device that was never probed")
		}
		if got := states(i); len(got) != 0 {
			t.Errorf("published %v before, each for the price of all", got)
		}
		pass(probeTimeout)
		if !isClosed(i.Ready()) {
			t.Error("not ready although the hanging probe timed out")
		}
		want := map[string]health.State{"a": health.Healthy, "b": health.Unknown}
		if diff := cmp.Diff(want, states(i)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestReadyNeedsASuccessfulScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		empty, broken := newHost(), newHost()
		broken.fail(errors.New("no sysfs"))
		i, j := start(t, empty), start(t, broken)
		synctest.Wait()
		if !isClosed(i.Ready()) || isClosed(j.Ready()) {
			t.Errorf("empty is ready: %t, broken is ready: %t", isClosed(i.Ready()), isClosed(j.Ready()))
		}
		broken.fail(nil)
		pass(rescan)
		if !isClosed(j.Ready()) {
			t.Error("a host whose scan succeeds again is not ready")
		}
	})
}

func TestStuckDeviceDoesNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a", "b")
		i := start(t, host)
		synctest.Wait()
		host.block("a")
		host.set("b", health.Bad)
		pass(2 * interval)
		want := map[string]health.State{"a": health.Healthy, "b": health.Unhealthy}
		if diff := cmp.Diff(want, states(i)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestRemovedDeviceIsUnhealthyUntilForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		i := start(t, host)
		synctest.Wait()

		host.plug("b")
		pass(rescan)
		want := map[string]health.State{"a": health.Healthy, "b": health.Healthy}
		if diff := cmp.Diff(want, states(i)); diff != "" {
			t.Errorf("after b was plugged in: -want +got:\n%s", diff)
		}

		host.unplug("a")
		pass(rescan)
		want["a"] = health.Unhealthy
		if diff := cmp.Diff(want, states(i)); diff != "" {
			t.Errorf("after a was pulled: -want +got:\n%s", diff)
		}

		pass(forgetAfter)
		delete(want, "a")
		if diff := cmp.Diff(want, states(i)); diff != "" {
			t.Errorf("long after a was pulled: -want +got:\n%s", diff)
		}
	})
}

// A driver that is reloaded creates other nodes: they are found before the next periodic scan.
func TestMissingNodeCausesAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		i := start(t, host)
		synctest.Wait()
		host.set("a", health.Absent)
		host.renumber("/dev/a1")
		pass(interval)
		if entries, _ := i.Snapshot(); len(entries[0].Device.Nodes) != 1 || entries[0].Device.Nodes[0] != "/dev/a1" {
			t.Errorf("got nodes %v", entries[0].Device.Nodes)
		}
	})
}

// A driver that hangs does not report the UUID. Without it, the device would be another one in metrics.
func TestUUIDIsKeptUntilTheCardLeavesTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		uuid := func(i *inventory.Inventory) string {
			pass(rescan)
			entries, _ := i.Snapshot()
			return entries[0].Device.UUID
		}
		host.identify("first")
		i := start(t, host)
		if got := uuid(i); got != "first" {
			t.Fatalf("got %q", got)
		}
		host.identify("")
		if got := uuid(i); got != "first" {
			t.Errorf("without the UUID: got %q", got)
		}
		if err := i.Refresh(t.Context(), []string{"a"}); err != nil || uuid(i) != "first" {
			t.Errorf("after a refresh: got %q, error %v", uuid(i), err)
		}
		host.unplug("a")
		if got := uuid(i); got != "first" {
			t.Errorf("a removed card: got %q", got)
		}
		host.plug("a")
		if got := uuid(i); got != "" {
			t.Errorf("another card: got %q", got)
		}
		host.identify("second")
		if got := uuid(i); got != "second" {
			t.Errorf("its UUID: got %q", got)
		}
	})
}

// The old node exists, as another device's: no probe fails.
func TestRefreshReadsRenumberedNodesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		i := start(t, host)
		synctest.Wait()
		host.renumber("/dev/a1")
		if err := i.Refresh(t.Context(), []string{"a", "unknown"}); err != nil {
			t.Fatal(err)
		}
		entries, _ := i.Snapshot()
		if len(entries) != 1 || len(entries[0].Device.Nodes) != 1 || entries[0].Device.Nodes[0] != "/dev/a1" {
			t.Errorf("got %v", entries)
		}
	})
}

func TestRefreshEndsWithItsContextAndWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := inventory.New(newHost("a"), newHost("a"), inventory.Options{Clock: clock.RealClock{}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := idle.Refresh(ctx, []string{"a"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before Run: %v", err)
		}
		i := inventory.New(newHost("a"), newHost("a"), inventory.Options{Interval: interval, Rescan: rescan, Clock: clock.RealClock{}})
		running, stop := context.WithCancel(t.Context())
		stop()
		if err := errors.Join(i.Run(running), i.Refresh(t.Context(), []string{"a"})); err != nil {
			t.Errorf("after Run: %v", err)
		}
	})
}

func TestFailedScanKeepsTheDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		i := start(t, host)
		synctest.Wait()
		host.fail(errors.New("no sysfs"))
		pass(2 * forgetAfter)
		if diff := cmp.Diff(map[string]health.State{"a": health.Healthy}, states(i)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestSnapshotChannelIsClosedByChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		i := start(t, host)
		synctest.Wait()
		_, changed := i.Snapshot()
		pass(time.Hour)
		if isClosed(changed) {
			t.Error("the channel is closed without a change")
		}
		host.set("a", health.Bad)
		pass(interval)
		if !isClosed(changed) {
			t.Error("the channel is open after a change")
		}
	})
}

func TestTransitionsAreReportedOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		start(t, host)
		synctest.Wait()
		host.set("a", health.Bad)
		pass(time.Minute)
		host.set("a", health.Good)
		pass(time.Minute)
		want := []string{"Unknown>Healthy", "Healthy>Suspect", "Suspect>Unhealthy", "Unhealthy>Recovering", "Recovering>Healthy"}
		if diff := cmp.Diff(want, host.transitions); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

const (
	interval     = 500 * time.Millisecond
	probeTimeout = 2 * time.Second
	rescan       = 5 * time.Second
	forgetAfter  = time.Minute
)

// pass advances the time and waits until all goroutines block.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// start runs an inventory until the test ends. synctest fails the test if Run or a worker
// outlives its context.
func start(t *testing.T, host *host) *inventory.Inventory {
	t.Helper()
	i := inventory.New(host, host, inventory.Options{
		Policy:   health.Policy{Bad: 2, Of: 3, Good: 5, RecoverDwell: 10 * time.Second, StaleAfter: 30 * time.Second},
		Interval: interval, Timeout: probeTimeout, Rescan: rescan, ForgetAfter: forgetAfter,
		Clock: clock.RealClock{},
	})
	i.OnTransition(func(t inventory.Transition) { host.transitions = append(host.transitions, string(t.From+">"+t.To)) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- i.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return i
}

// host is a bus of devices with scripted results.
type host struct {
	mu          sync.Mutex
	err         error
	devices     map[string]health.Result
	nodes       []string
	uuid        string
	blocked     map[string]bool
	transitions []string
}

func newHost(ids ...string) *host {
	h := &host{devices: map[string]health.Result{}, blocked: map[string]bool{}}
	for _, id := range ids {
		h.plug(id)
	}
	return h
}

func (h *host) Scan(context.Context) ([]discovery.Device, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var devices []discovery.Device
	for id := range h.devices {
		devices = append(devices, discovery.Device{ID: id, UUID: h.uuid, Nodes: h.nodes})
	}
	return devices, h.err
}

func (h *host) Find(_ context.Context, id string) (discovery.Device, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.devices[id]
	return discovery.Device{ID: id, UUID: h.uuid, Nodes: h.nodes}, ok
}

func (h *host) Observe(ctx context.Context, device discovery.Device) health.Observation {
	result, blocked := h.result(device.ID)
	if blocked {
		<-ctx.Done()
		return health.Observation{Reason: health.Reason{Code: "NoData"}}
	}
	return health.Observation{Result: result, Reason: health.Reason{Code: "Scripted"}}
}

func (h *host) result(id string) (health.Result, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	result, exists := h.devices[id]
	if !exists {
		result = health.Absent
	}
	return result, h.blocked[id]
}

func (h *host) plug(id string) { h.set(id, health.Good) }

func (h *host) unplug(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.devices, id)
}

func (h *host) set(id string, result health.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.devices[id] = result
}

func (h *host) renumber(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nodes = []string{node}
}

func (h *host) identify(uuid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.uuid = uuid
}

func (h *host) block(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blocked[id] = true
}

func (h *host) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func states(i *inventory.Inventory) map[string]health.State {
	entries, _ := i.Snapshot()
	states := map[string]health.State{}
	for _, entry := range entries {
		states[entry.Device.ID] = entry.Health.State
	}
	return states
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
