package controller

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestBackendReturnsAfterADelayAndIsLostAtOnce(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))
	states := newBackendStates(clock)
	deploy := types.NamespacedName{Namespace: "ml", Name: "web"}
	for i, step := range []struct {
		after          time.Duration
		observed, want v1.BackendState
		wait           time.Duration
	}{
		{0, v1.BackendNotReady, v1.BackendNotReady, 0},
		{time.Second, v1.BackendReady, v1.BackendReady, 0}, // Its first start.
		{time.Second, v1.BackendScaledToZero, v1.BackendScaledToZero, 0},
		{time.Second, v1.BackendReady, v1.BackendScaledToZero, 9 * time.Second},
		{8 * time.Second, v1.BackendReady, v1.BackendScaledToZero, time.Second},
		{time.Second, v1.BackendReady, v1.BackendReady, 0},
		{time.Hour, v1.BackendMissing, v1.BackendMissing, 0},
		{time.Hour, v1.BackendReady, v1.BackendReady, 0},
	} {
		clock.SetTime(clock.Now().Add(step.after))
		backends := []render.Backend{{Name: "b", State: step.observed}}
		wait := states.settle(deploy, backends)
		if backends[0].State != step.want || wait != step.wait {
			t.Errorf("step %d: got %s and %s, want %s and %s", i, backends[0].State, wait, step.want, step.wait)
		}
	}
	states.forget(deploy)
	if len(states.byDeploy) > 0 {
		t.Errorf("states of deleted NpuDeploys remain: %v", states.byDeploy)
	}
}

// A backend that becomes ready and unready each second for a minute changes the route a few times.
func TestFlappingBackendChangesTheRouteRarely(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))
	states := newBackendStates(clock)
	changes, before := 0, v1.BackendReady
	for second := range 60 {
		clock.SetTime(clock.Now().Add(time.Second))
		backends := []render.Backend{{Name: "b", State: []v1.BackendState{v1.BackendReady, v1.BackendNotReady}[second%2]}}
		states.settle(types.NamespacedName{Name: "web"}, backends)
		if backends[0].State != before {
			changes, before = changes+1, backends[0].State
		}
	}
	if changes == 0 || changes > 12 {
		t.Errorf("the route changed %d times in a minute", changes)
	}
}
