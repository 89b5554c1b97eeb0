package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestConditionsWithTheSameReasonAreOneEvent(t *testing.T) {
	t.Parallel()
	recorder := events.NewFakeRecorder(4)
	transition := func(kind string, from, to metav1.ConditionStatus, reason string) status.Transition {
		return status.Transition{Type: kind, From: from, To: to, Reason: reason, Message: kind}
	}
	recordTransitions(recorder, &v1.NpuDeploy{}, []status.Transition{
		transition(v1.ConditionReady, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonProgressing),
		transition(v1.ConditionAvailable, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonProgressing),
	})
	recordTransitions(recorder, &v1.NpuDeploy{}, []status.Transition{
		transition(v1.ConditionReady, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonCrashLoop),
		transition(v1.ConditionEndpoint, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonRoutePending),
	})
	close(recorder.Events)
	var got []string
	for event := range recorder.Events {
		got = append(got, event)
	}
	want := []string{
		"Normal Progressing Available is False: Available",
		"Normal RoutePending Endpoint is False: Endpoint",
		"Warning CrashLoop Ready is False: Ready",
	}
	if delta := cmp.Diff(want, got); delta != "" {
		t.Errorf("(-want +got):\n%s", delta)
	}
}
