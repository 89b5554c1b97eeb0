package fetchers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// fakeVendor is a vendor whose devices fetch returns.
type fakeVendor struct {
	kind  string
	fetch func(ctx context.Context) (Devices, error)
}

func (v *fakeVendor) Type() string { return v.kind }

func (v *fakeVendor) FetchMetrics(ctx context.Context, _ Querier) (Devices, Diagnostics, error) {
	devices, err := v.fetch(ctx)
	return devices, Diagnostics{}, err
}

func one(kind, id string) func(context.Context) (Devices, error) {
	return func(context.Context) (Devices, error) {
		return Devices{"n1": {id: {Type: kind, Node: "n1", DeviceID: id, Temperatures: map[string]float64{"t": 1}}}}, nil
	}
}

func failing(err error) func(context.Context) (Devices, error) {
	return func(context.Context) (Devices, error) { return nil, err }
}

func hanging(ctx context.Context) (Devices, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestHangingVendorDoesNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := NewCollector([]HardwareFetcher{
			&fakeVendor{"A", one("A", "a0")}, &fakeVendor{"B", hanging}, &fakeVendor{"C", hanging},
		}, nil, 5*time.Second, time.Now)
		start := time.Now()
		snapshot := collector.Collect(t.Context(), nil)
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want the one time-out of 5s", took)
		}
		if got := ids(snapshot); !slices.Equal(got, []string{"a0"}) {
			t.Errorf("got devices %v", got)
		}
		if err := snapshot.Vendors()[1].Err; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("B has error %v", err)
		}
	})
}

func TestFailingVendorKeepsItsDevicesAsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakeVendor{"A", one("A", "a0")}
		b := &fakeVendor{"B", one("B", "b0")}
		collector := NewCollector([]HardwareFetcher{a, b}, nil, time.Second, time.Now)
		good := collector.Collect(t.Context(), nil)
		fetched := time.Now()
		b.fetch = failing(ErrUnreachable)
		for range 2 {
			<-time.After(time.Minute)
			bad := collector.Collect(t.Context(), good)
			status, found := bad.Device("B", "n1", "b0")
			if !found || !status.Stale {
				t.Fatalf("b0 is found: %v, %+v", found, status)
			}
			if status, _ := bad.Device("A", "n1", "a0"); status.Stale {
				t.Error("a0 is stale")
			}
			if state := bad.Vendors()[1]; !state.Fetched.Equal(fetched) || state.Devices != 1 || !errors.Is(state.Err, ErrUnreachable) {
				t.Errorf("B is %+v", state)
			}
			if status, _ := good.Device("B", "n1", "b0"); status.Stale {
				t.Error("an old snapshot changed")
			}
		}
		b.fetch = one("B", "b0")
		if status, _ := collector.Collect(t.Context(), good).Device("B", "n1", "b0"); status.Stale {
			t.Error("b0 stays stale after a good response")
		}
	})
}

// Devices may be missing from a partial response, and none may be.
func TestPartialSnapshotDiffers(t *testing.T) {
	whole, partial := &Snapshot{vendors: []view{{}}}, &Snapshot{vendors: []view{{}}}
	partial.vendors[0].state.Diagnostics.Warnings = []string{"no response of a store"}
	if !whole.same(whole) || whole.same(partial) {
		t.Error("subscribers do not receive the warning")
	}
}

func TestSnapshotIsImmutable(t *testing.T) {
	collector := NewCollector([]HardwareFetcher{&fakeVendor{"A", one("A", "a0")}}, nil, time.Second, time.Now)
	snapshot := collector.Collect(t.Context(), nil)
	for status := range snapshot.All() {
		status.Temperatures["t"] = 99
		status.Node = "elsewhere"
	}
	if status, _ := snapshot.Device("A", "n1", "a0"); status.Temperatures["t"] != 1 || status.Node != "n1" {
		t.Errorf("got %+v", status)
	}
}

func TestDevicesAreInNaturalOrder(t *testing.T) {
	snapshot := &Snapshot{vendors: []view{{devices: Devices{
		"n10": {"npu0": {DeviceID: "npu0", Node: "n10"}},
		"n2":  {"npu10": {DeviceID: "npu10"}, "npu9": {DeviceID: "npu9"}, "npu": {DeviceID: "npu"}, "npu09b": {DeviceID: "npu09b"}},
	}}}}
	if got, want := ids(snapshot), []string{"npu", "npu9", "npu09b", "npu10", "npu0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func ids(snapshot *Snapshot) []string {
	var ids []string
	for status := range snapshot.All() {
		ids = append(ids, status.DeviceID)
	}
	return ids
}
