package controller

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestFirstStatusWaitsForPods(t *testing.T) {
	t.Parallel()
	created := time.Unix(1000, 0)
	kind := &deployKind{clock: testclock.NewFakePassiveClock(created.Add(3 * time.Second))}
	evaluated := func(replicas int32, reason string) *v1.NpuDeploy {
		return &v1.NpuDeploy{Status: v1.NpuDeployStatus{
			Replicas: replicas, Conditions: []metav1.Condition{{Type: v1.ConditionAvailable, Reason: reason}},
		}}
	}
	for name, c := range map[string]struct {
		observed int64 // generation
		age      time.Duration
		next     *v1.NpuDeploy
		want     time.Duration
	}{
		"objects were created":       {0, 0, nil, settleFirst},
		"no pods":                    {0, 0, evaluated(0, v1.ReasonProgressing), 7 * time.Second},
		"no pods for long":           {0, maxFirst, evaluated(0, v1.ReasonProgressing), -3 * time.Second},
		"a clock a second behind":    {0, -4 * time.Second, evaluated(0, v1.ReasonProgressing), 11 * time.Second},
		"a clock an hour behind":     {0, -time.Hour, evaluated(0, v1.ReasonProgressing), 0},
		"pods":                       {0, 0, evaluated(1, v1.ReasonProgressing), 0},
		"an error":                   {0, 0, evaluated(0, v1.ReasonQuotaExceeded), 0},
		"more objects were created":  {1, 0, nil, settleStatus},
		"no pods of a later version": {1, 0, evaluated(0, v1.ReasonProgressing), 0},
	} {
		deploy := &v1.NpuDeploy{}
		deploy.CreationTimestamp, deploy.Status.ObservedGeneration = metav1.NewTime(created.Add(-c.age)), c.observed
		if got := kind.statusDelay(deploy, c.next); got != c.want {
			t.Errorf("%s: waits %s, want %s", name, got, c.want)
		}
	}
}

// Pods are ready a moment before their Deployment counts them.
func TestStatusOfReadyPodsIsDeferredOnce(t *testing.T) {
	t.Parallel()
	kind := &deployKind{deferred: &deferredStatuses{byName: map[types.NamespacedName]string{}}}
	evaluated := func(ready int32, reason string) *v1.NpuDeploy {
		deploy := &v1.NpuDeploy{Status: v1.NpuDeployStatus{
			ObservedGeneration: 1, ReadyReplicas: ready, Conditions: []metav1.Condition{{Type: v1.ConditionAvailable, Reason: reason}},
		}}
		deploy.Name, deploy.ResourceVersion = "web", "1"
		return deploy
	}
	starting := evaluated(0, v1.ReasonStarting)
	for i, c := range []struct {
		next *v1.NpuDeploy
		want time.Duration
	}{
		{evaluated(0, v1.ReasonProgressing), 0}, // Its pods are deleted.
		{evaluated(1, v1.ReasonAvailable), 0},
		{evaluated(0, v1.ReasonCrashLoop), 0},
		{evaluated(1, v1.ReasonProgressing), settleCounted},
		{evaluated(1, v1.ReasonProgressing), 0},
	} {
		if got := kind.statusDelay(starting, c.next); got != c.want {
			t.Errorf("status %d waits %s, want %s", i, got, c.want)
		}
	}
	starting.ResourceVersion = "2"
	if got := kind.statusDelay(starting, evaluated(1, v1.ReasonProgressing)); got != settleCounted {
		t.Errorf("the next version waits %s", got)
	}
}

// A rollout may assign templates between the read and the patch of a reconcile.
func TestStatusPatchRetainsTheAssignment(t *testing.T) {
	t.Parallel()
	serving := &render.Templates{Catalogue: &render.Catalogue{Defaults: render.Defaults{Updates: v1.UpdateAutomatic}}}
	kind := &deployKind{renders: newRenderCache(func() (*render.Templates, error) { return serving, nil }, nil)}
	for name, c := range map[string]struct {
		updates v1.UpdateMode
		want    string
	}{
		"automatic updates": {v1.UpdateAutomatic, "sha256:new"},
		"absent":            {"", "sha256:new"},
		"manual updates":    {v1.UpdateManual, ""},
	} {
		current, next := &v1.NpuDeploy{}, &v1.NpuDeploy{}
		current.Spec.Updates = c.updates
		current.Status.Rollout = &v1.RolloutAssignment{Name: "templates-2", Templates: "sha256:new"}
		next.Status.Rollout = &v1.RolloutAssignment{Name: "templates-1", Templates: "sha256:old"}
		kind.keepNewer(current, next)
		if got := assignedTemplates(next); got != c.want {
			t.Errorf("%s: assigned %q, want %q", name, got, c.want)
		}
	}
}
