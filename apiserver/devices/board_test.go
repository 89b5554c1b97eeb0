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

// following is a Store that hears of what a test notes.
func following(t *testing.T, lost func() time.Time, metrics <-chan *fetchers.Snapshot) *Store {
	t.Helper()
	b := NewStore(nil, nil, nil)
	b.lost = lost
	go b.follow(t.Context(), metrics)
	return b
}

func never() time.Time { return time.Time{} }

func TestChangesAreToldAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := following(t, never, nil)
		changes := b.Subscribe(t.Context())
		<-changes // that there is something to look at
		told, node := 0, machine("a", atom, "8", "8")
		for range 100 { // ten seconds
			b.note(nil, &node)
			synctest.Wait()
			select {
			case <-changes:
				told++
			default:
			}
			<-time.After(100 * time.Millisecond)
		}
		if told != 10 {
			t.Errorf("told %d times in ten seconds, want 10", told)
		}
	})
}

func TestWhoIsSlowHearsOfAllChangesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		metrics := make(chan *fetchers.Snapshot)
		b := following(t, never, metrics)
		changes := b.Subscribe(t.Context())
		for range 5 {
			metrics <- &fetchers.Snapshot{}
		}
		synctest.Wait()
		<-changes
		select {
		case <-changes:
			t.Error("a change is told twice")
		default:
		}
	})
}

func TestThatKubernetesIsLostIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := following(t, func() time.Time {
			if time.Since(began) < time.Minute {
				return time.Time{}
			}
			return began
		}, nil)
		changes := b.Subscribe(t.Context())
		<-changes
		<-changes
		if after := time.Since(began); after < time.Minute || after > time.Minute+lookInterval {
			t.Errorf("told after %s", after)
		}
	})
}

func TestOnlyWhatChangesACountIsCountedAgain(t *testing.T) {
	t.Parallel()
	beats, cordoned, fewer := machine("a", atom, "8", "8"), machine("a", atom, "8", "8"), machine("a", atom, "8", "7")
	beats.ResourceVersion, cordoned.Spec.Unschedulable = "2", true
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
		"a new node":                {nil, &node, true},
		"a node's heartbeat":        {&node, &beats, false},
		"a node that is cordoned":   {&node, &cordoned, true},
		"a device that fails":       {&node, &fewer, true},
		"a pod without devices":     {nil, &plain, false},
		"a pod that goes":           {&placed, nil, true},
		"a pod that gets a node":    {&waits, &placed, true},
		"a pod that starts":         {&placed, &runs, false},
		"a pod that ends":           {&runs, &done, true},
		"a project's status":        {before, before.DeepCopy(), false},
		"a project with new bounds": {before, after, true},
	} {
		if got := matters(change.before, change.after); got != change.want {
			t.Errorf("%s matters: %v", name, got)
		}
	}
}
