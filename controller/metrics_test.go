package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func deployOn(accelerator string, ready metav1.ConditionStatus, reason string) *v1.NpuDeploy {
	deploy := &v1.NpuDeploy{}
	if accelerator != "" {
		deploy.Status.Accelerator = &v1.AcceleratorStatus{Type: accelerator}
	}
	if reason != "" {
		deploy.Status.Conditions = []metav1.Condition{
			{Type: v1.ConditionRendered, Status: metav1.ConditionTrue, Reason: v1.ReasonRendered},
			{Type: v1.ConditionReady, Status: ready, Reason: reason},
		}
	}
	return deploy
}

func TestCountReadinessCountsByReason(t *testing.T) {
	got := countReadiness([]*v1.NpuDeploy{
		deployOn("atom", "True", v1.ReasonReady),
		deployOn("atom", "True", v1.ReasonReady),
		deployOn("atom", "True", v1.ReasonScaledToZero),
		deployOn("atom", "False", v1.ReasonNoFreeDevice),
		deployOn("x330", "False", v1.ReasonNoFreeDevice),
		deployOn("x330", "Unknown", v1.ReasonNotObserved),
		deployOn("", "False", v1.ReasonInvalidSpec),
		deployOn("", "", ""),
	})
	want := map[readiness]float64{
		{"atom", "true", "Ready"}:         2,
		{"atom", "true", "ScaledToZero"}:  1,
		{"atom", "false", "NoFreeDevice"}: 1,
		{"x330", "false", "NoFreeDevice"}: 1,
		{"x330", "false", "NotObserved"}:  1,
		{"none", "false", "InvalidSpec"}:  1,
		{"none", "false", "NotObserved"}:  1,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(readiness{})); diff != "" {
		t.Errorf("counts differ (-want +got):\n%s", diff)
	}
}

func TestCountRenderedCountsWhatStaysReady(t *testing.T) {
	lost := deployOn("atom", "True", v1.ReasonReady)
	lost.Status.Conditions[0].Status, lost.Status.Conditions[0].Reason = metav1.ConditionFalse, v1.ReasonTemplatesUnusable
	got := countRendered([]*v1.NpuDeploy{lost, deployOn("atom", "True", v1.ReasonReady), deployOn("", "", "")})
	want := map[string]float64{v1.ReasonTemplatesUnusable: 1, v1.ReasonRendered: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts differ (-want +got):\n%s", diff)
	}
}
