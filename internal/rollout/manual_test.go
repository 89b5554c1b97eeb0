package rollout_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestManualUpdateIsOverdueAfterThePolicysLimit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	limit := render.ChangePolicy{ManualDays: 7}
	for name, c := range map[string]struct {
		updates v1.UpdateMode
		policy  render.ChangePolicy
		status  metav1.ConditionStatus // of UpdateAvailable; empty: absent
		behind  time.Duration
		want    bool
	}{
		"at the limit":              {v1.UpdateManual, limit, metav1.ConditionTrue, 7 * 24 * time.Hour, true},
		"before the limit":          {v1.UpdateManual, limit, metav1.ConditionTrue, 7*24*time.Hour - time.Second, false},
		"no limit":                  {v1.UpdateManual, render.ChangePolicy{}, metav1.ConditionTrue, 1000 * 24 * time.Hour, false},
		"automatic":                 {v1.UpdateAutomatic, limit, metav1.ConditionTrue, 8 * 24 * time.Hour, false},
		"manual by policy":          {"", limit, metav1.ConditionTrue, 8 * 24 * time.Hour, true},
		"no update":                 {v1.UpdateManual, limit, "", 0, false},
		"only a request is unknown": {v1.UpdateManual, limit, metav1.ConditionFalse, 8 * 24 * time.Hour, false},
	} {
		deploy := &v1.NpuDeploy{Spec: v1.NpuDeploySpec{Updates: c.updates}}
		if c.status != "" {
			deploy.Status.Conditions = []metav1.Condition{{
				Type: v1.ConditionUpdateAvailable, Status: c.status, LastTransitionTime: metav1.NewTime(now.Add(-c.behind)),
			}}
		}
		serving := &render.Catalogue{Change: c.policy, Defaults: render.Defaults{Updates: v1.UpdateManual}}
		if got := rollout.IsOverdue(deploy, serving, now); got != c.want {
			t.Errorf("%s: overdue is %t", name, got)
		}
	}
}

func TestAssignmentOfAnOverdueUpdateHoldsUntilAnotherRequest(t *testing.T) {
	t.Parallel()
	f := newFleet(t, render.ChangePolicy{HealthySeconds: 60}, render.Restart)
	f.input.Deploys[0].Overdue = "sha256:requested"
	f.evaluate()
	deploy := &v1.NpuDeploy{}
	deploy.Status.Rollout = f.input.Deploys[0].Assignment
	for requested, want := range map[string]bool{"sha256:requested": true, "sha256:other": false, "": false} {
		deploy.Annotations = map[string]string{v1.AnnotationUpdateTo: requested}
		if got := rollout.KeepsAssignment(deploy); got != want {
			t.Errorf("request %q: the assignment holds: %t", requested, got)
		}
	}
	deploy.Annotations, deploy.Status.Rollout.Overdue = nil, rollout.RequestOf(&v1.NpuDeploy{})
	if !rollout.KeepsAssignment(deploy) {
		t.Error("the assignment without a request does not hold")
	}
	if deploy.Status.Rollout.Overdue = ""; rollout.KeepsAssignment(deploy) {
		t.Error("the assignment of an automatic update holds")
	}
}
