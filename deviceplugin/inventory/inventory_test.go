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

// Time stands still in these tests but when everything waits for it.

func TestNothingIsReadyBeforeEveryDeviceWasProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a", "b")
		host.block("b")
		i := start(t, host)
		synctest.Wait()
		if isClosed(i.Ready()) {
			t.Error("ready with a device that was never probed")
		}
		pass(probeTimeout)
		if !isClosed(i.Ready()) {
			t.Error("not ready although the probe that hangs was given up")
		}
		want := map[string]health.State{"a": health.Healthy, "b": health.Unknown}
		if diff := cmp.Diff(want, states(i)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestAHostWithoutDevicesIsReadyAndOneThatCannotBeScannedIsNot(t *testing.T) {
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
			t.Error("a host that was mended is not ready")
		}
	})
}

func TestAStuckDeviceHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a", "b")
		i := start(t, host)
		synctest.Wait()
		host.block("a")
		host.say("b", health.Bad)
		pass(2 * interval)
		want := map[string]health.State{"a": health.Healthy, "b": health.Unhealthy}
		if diff := cmp.Diff(want, states(i)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestALateDeviceIsFoundAndALostOneIsReportedBeforeItIsForgotten(t *testing.T) {
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

func TestAFailedScanTakesNoDeviceAway(t *testing.T) {
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

func TestAWatcherHearsOfChangesAndOfNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		i := start(t, host)
		synctest.Wait()
		_, changed := i.Snapshot()
		pass(time.Hour)
		if isClosed(changed) {
			t.Error("an hour of the same is news")
		}
		host.say("a", health.Bad)
		pass(interval)
		if !isClosed(changed) {
			t.Error("a suspicion is no news")
		}
	})
}

func TestTransitionsAreToldOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost("a")
		start(t, host)
		synctest.Wait()
		host.say("a", health.Bad)
		pass(time.Minute)
		host.say("a", health.Good)
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

// pass lets time go by, and everything that happens in it come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// start runs an inventory until the test ends. That Run ends with its context, with
// every worker, is what synctest holds each test to.
func start(t *testing.T, host *host) *inventory.Inventory {
	t.Helper()
	i := inventory.New(host, host, inventory.Options{
		Policy:   health.Policy{Bad: 2, Of: 3, Good: 5, RecoverDwell: 10 * time.Second, StaleAfter: 30 * time.Second},
		Interval: interval, Timeout: probeTimeout, Rescan: rescan, ForgetAfter: forgetAfter,
		Clock: clock.RealClock{},
	})
	i.Tell(func(t inventory.Transition) { host.transitions = append(host.transitions, string(t.From+">"+t.To)) })
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

// host is a bus of devices that say what they are told to.
type host struct {
	mu          sync.Mutex
	err         error
	devices     map[string]health.Verdict
	blocked     map[string]bool
	transitions []string
}

func newHost(ids ...string) *host {
	h := &host{devices: map[string]health.Verdict{}, blocked: map[string]bool{}}
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
		devices = append(devices, discovery.Device{ID: id})
	}
	return devices, h.err
}

func (h *host) Observe(ctx context.Context, device discovery.Device) health.Observation {
	verdict, blocked := h.look(device.ID)
	if blocked {
		<-ctx.Done()
		return health.Observation{Reason: health.Reason{Code: "NoData"}}
	}
	return health.Observation{Verdict: verdict, Reason: health.Reason{Code: "Told"}}
}

func (h *host) look(id string) (health.Verdict, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	verdict, there := h.devices[id]
	if !there {
		verdict = health.Gone
	}
	return verdict, h.blocked[id]
}

func (h *host) plug(id string) { h.say(id, health.Good) }

func (h *host) unplug(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.devices, id)
}

func (h *host) say(id string, verdict health.Verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.devices[id] = verdict
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
