package fetchers

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

// deviceNamed returns one device of a name that may change.
type deviceNamed struct{ id atomic.Value }

func device(id string) *deviceNamed {
	n := &deviceNamed{}
	n.id.Store(id)
	return n
}

func (n *deviceNamed) vendor() *fakeVendor {
	return &fakeVendor{"A", func(ctx context.Context) (Devices, error) {
		return one("A", n.id.Load().(string))(ctx)
	}}
}

// watch runs a poller of one vendor, which refreshes every ten seconds.
func watch(t *testing.T, vendor *fakeVendor) *Poller {
	t.Helper()
	collector := NewCollector([]HardwareFetcher{vendor}, nil, time.Second, time.Now)
	poller := NewPoller(collector, 10*time.Second, clock.RealClock{}, func() float64 { return 0.5 })
	go poller.Run(t.Context())
	return poller
}

func TestSubscribersReceiveChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changing := device("a0")
		poller := watch(t, changing.vendor())
		changes := poller.Subscribe(t.Context())
		if got := ids(<-changes); !slices.Equal(got, []string{"a0"}) {
			t.Errorf("got %v first", got)
		}
		<-time.After(time.Minute) // six refreshes
		synctest.Wait()
		select {
		case <-changes:
			t.Error("heard of a refresh that changed nothing")
		default:
		}
		changing.id.Store("a1")
		if got := ids(<-changes); !slices.Equal(got, []string{"a1"}) {
			t.Errorf("got %v then", got)
		}
	})
}

func TestSlowSubscriberReceivesTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changing := device("a0")
		poller := watch(t, changing.vendor())
		changes := poller.Subscribe(t.Context())
		for _, id := range []string{"a1", "a2", "a3"} {
			<-time.After(10 * time.Second)
			synctest.Wait()
			changing.id.Store(id)
		}
		<-time.After(10 * time.Second)
		synctest.Wait()
		if got := ids(<-changes); !slices.Equal(got, []string{"a3"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestSubscriptionEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poller := watch(t, &fakeVendor{"A", one("A", "a0")})
		ctx, cancel := context.WithCancel(t.Context())
		changes := poller.Subscribe(ctx)
		<-changes
		cancel()
		if _, open := <-changes; open {
			t.Error("the channel is open")
		}
		<-time.After(time.Minute) // and the poller sends to nobody
	})
}

func TestPollerBacksOffWhileEveryVendorFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var asked []time.Duration
		failures := 5
		vendor := &fakeVendor{kind: "A"}
		vendor.fetch = func(ctx context.Context) (Devices, error) {
			asked = append(asked, time.Since(start))
			if len(asked) <= failures {
				return nil, ErrUnreachable
			}
			return one("A", "a0")(ctx)
		}
		watch(t, vendor)
		<-time.After(5 * time.Minute)
		synctest.Wait()
		want := []time.Duration{0, 20e9, 60e9, 140e9, 220e9, 300e9}
		if !slices.Equal(asked[:len(want)], want) {
			t.Errorf("asked at %v, want %v", asked, want)
		}
	})
}

func TestPauseHasJitter(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 9 * time.Second, 1: 11 * time.Second} {
		p := &Poller{interval: 10 * time.Second, random: func() float64 { return random }}
		if got := p.pause(0); got != want {
			t.Errorf("paused %v at random %v, want %v", got, random, want)
		}
	}
}

func TestPollerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		collector := NewCollector([]HardwareFetcher{&fakeVendor{"A", hanging}}, nil, time.Hour, time.Now)
		poller := NewPoller(collector, time.Second, clock.RealClock{}, func() float64 { return 0 })
		done := make(chan struct{})
		go func() { poller.Run(ctx); close(done) }()
		synctest.Wait()
		cancel()
		<-done
	})
}

func TestSnapshotIsReadWithoutLock(t *testing.T) {
	poller := NewPoller(NewCollector(nil, nil, time.Second, time.Now), time.Second, clock.RealClock{}, func() float64 { return 0 })
	poller.mu.Lock()
	defer poller.mu.Unlock()
	if poller.Snapshot() == nil {
		t.Error("no snapshot")
	}
	if allocations := testing.AllocsPerRun(100, func() { poller.Snapshot() }); allocations != 0 {
		t.Errorf("a read allocates %v times", allocations)
	}
}
