package controller

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestTransitionsThatSayTheSameAreOneEvent(t *testing.T) {
	t.Parallel()
	recorder := events.NewFakeRecorder(8)
	transition := func(kind string, from, to metav1.ConditionStatus, reason string) status.Transition {
		return status.Transition{Type: kind, From: from, To: to, Reason: reason, Message: "pods"}
	}
	recordTransitions(recorder, &v1.NpuDeploy{}, []status.Transition{
		transition(v1.ConditionReady, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonProgressing),
		transition(v1.ConditionAvailable, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonProgressing),
	})
	recordTransitions(recorder, &v1.NpuDeploy{}, []status.Transition{
		transition(v1.ConditionReady, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonCrashLoop),
		transition(v1.ConditionEndpoint, metav1.ConditionTrue, metav1.ConditionFalse, v1.ReasonRoutePending),
	})
	recordTransitions(recorder, &v1.NpuDeploy{}, []status.Transition{
		transition(v1.ConditionReady, metav1.ConditionFalse, metav1.ConditionTrue, v1.ReasonComplete),
		transition(v1.ConditionAvailable, metav1.ConditionFalse, metav1.ConditionTrue, v1.ReasonAvailable),
		transition(v1.ConditionScaling, metav1.ConditionFalse, metav1.ConditionTrue, "Other"),
	})
	close(recorder.Events)
	var got []string
	for event := range recorder.Events {
		got = append(got, event)
	}
	want := []string{
		"Normal Progressing Available is False: pods",
		"Normal RoutePending Endpoint is False: pods",
		"Warning CrashLoop Ready is False: pods",
		"Normal Other Scaling is True: pods",
		"Normal Complete Ready is True: pods",
	}
	if delta := cmp.Diff(want, got); delta != "" {
		t.Errorf("(-want +got):\n%s", delta)
	}
}

// The message of a condition is as long as the API server takes of a note, which has more text.
func TestNoteOfALongMessageIsShortened(t *testing.T) {
	t.Parallel()
	recorder := events.NewFakeRecorder(1)
	recordTransitions(boundedRecorder{recorder}, &v1.NpuDeploy{}, []status.Transition{{
		Type: v1.ConditionApplied, From: metav1.ConditionTrue, To: metav1.ConditionFalse, Reason: "Rejected", Message: strings.Repeat("가", 341),
	}})
	note := strings.TrimPrefix(<-recorder.Events, "Warning Rejected ")
	if !strings.HasPrefix(note, "Applied is False: 가가") || !strings.HasSuffix(note, "가…") || len(note) > 1024 {
		t.Errorf("a note of %d bytes: %s", len(note), note)
	}
}
