package devices

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/fetchers"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// newNotifyingStore returns a Store without informers that notifies subscribers.
func newNotifyingStore(t *testing.T, unreachableSince func() time.Time, metrics <-chan *fetchers.Snapshot) *Store {
	t.Helper()
	store := NewStore(nil, nil, nil)
	store.unreachableSince = unreachableSince
	go store.notify(t.Context(), metrics)
	return store
}

func reachable() time.Time { return time.Time{} }

func TestSubscribersAreNotifiedAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newNotifyingStore(t, reachable, nil)
		changes := store.Subscribe(t.Context())
		<-changes // the first notification
		notifications, node := 0, machine("a", atom, "8", "8")
		for range 100 { // ten seconds
			store.markChanged(nil, &node)
			synctest.Wait()
			select {
			case <-changes:
				notifications++
			default:
			}
			<-time.After(100 * time.Millisecond)
		}
		if notifications != 10 {
			t.Errorf("%d notifications in ten seconds, want 10", notifications)
		}
	})
}

func TestChangesAreCoalescedForSlowSubscribers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		metrics := make(chan *fetchers.Snapshot)
		store := newNotifyingStore(t, reachable, metrics)
		changes := store.Subscribe(t.Context())
		for range 5 {
			metrics <- &fetchers.Snapshot{}
		}
		synctest.Wait()
		<-changes
		select {
		case <-changes:
			t.Error("a change was notified twice")
		default:
		}
	})
}

func TestSubscribersAreNotifiedOfAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		store := newNotifyingStore(t, func() time.Time {
			if time.Since(began) < time.Minute {
				return time.Time{}
			}
			return began
		}, nil)
		changes := store.Subscribe(t.Context())
		<-changes
		<-changes
		if after := time.Since(began); after < time.Minute || after > time.Minute+connectivityInterval {
			t.Errorf("notified after %s", after)
		}
	})
}

func TestIrrelevantChangesAreIgnored(t *testing.T) {
	t.Parallel()
	heartbeat, cordoned, fewer := machine("a", atom, "8", "8"), machine("a", atom, "8", "8"), machine("a", atom, "8", "7")
	heartbeat.ResourceVersion, cordoned.Spec.Unschedulable = "2", true
	node := machine("a", atom, "8", "8")
	waits, placed, runs, done := pod("n", "p", "", "", container("1")), pod("n", "p", "a", "", container("1")), pod("n", "p", "a", "", container("1")), pod("n", "p", "a", "", container("1"))
	runs.Status.Phase, done.Status.Phase = corev1.PodRunning, corev1.PodFailed
	plain := pod("n", "q", "", "", corev1.Container{})
	before, after := &v1.Project{}, &v1.Project{}
	after.Generation = 2
	for name, change := range map[string]struct {
		before, after client.Object
		want          bool
	}{
		"a new node":            {nil, &node, true},
		"a node's heartbeat":    {&node, &heartbeat, false},
		"a cordoned node":       {&node, &cordoned, true},
		"a failed device":       {&node, &fewer, true},
		"a pod without devices": {nil, &plain, false},
		"a deleted pod":         {&placed, nil, true},
		"a scheduled pod":       {&waits, &placed, true},
		"a started pod":         {&placed, &runs, false},
		"a completed pod":       {&runs, &done, true},
		"a project's status":    {before, before.DeepCopy(), false},
		"a project's spec":      {before, after, true},
	} {
		if got := affectsInventory(change.before, change.after); got != change.want {
			t.Errorf("%s affects the inventory: %v", name, got)
		}
	}
}
