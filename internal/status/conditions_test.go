package status_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestTransitionsAreChangesOfStatusOrReason(t *testing.T) {
	condition := func(kind string, is metav1.ConditionStatus, reason, message string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: is, Reason: reason, Message: message}
	}
	before := []metav1.Condition{
		condition(v1.ConditionReady, "False", v1.ReasonStarting, "loading"),
		condition(v1.ConditionRendered, "True", v1.ReasonRendered, ""),
		condition(v1.ConditionAvailable, "False", v1.ReasonStarting, "loading"),
		condition(v1.ConditionStalled, "True", v1.ReasonInvalidSpec, "removed afterwards"),
	}
	after := []metav1.Condition{
		condition(v1.ConditionReady, "False", v1.ReasonCrashLoop, "a summary repeats: no transition"),
		condition(v1.ConditionRendered, "True", v1.ReasonRendered, "another message: no transition"),
		condition(v1.ConditionAvailable, "False", v1.ReasonCrashLoop, "exit code 1"),
		condition(v1.ConditionEndpoint, "True", v1.ReasonRouted, "new"),
	}
	want := []status.Transition{
		{Type: v1.ConditionAvailable, From: "False", To: "False", Reason: v1.ReasonCrashLoop, Message: "exit code 1"},
		{Type: v1.ConditionEndpoint, From: "Unknown", To: "True", Reason: v1.ReasonRouted, Message: "new"},
	}
	if diff := cmp.Diff(want, status.Transitions(before, after)); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
	if again := status.Transitions(after, after); len(again) != 0 {
		t.Errorf("an unchanged status has transitions: %v", again)
	}
}

// Templates of manifests that are not observed yet are unknown. Those before are still in use: without any, an
// NpuDeploy would use the newest.
func TestTemplatesStayUntilOthersAreObserved(t *testing.T) {
	t.Parallel()
	deploy := &v1.NpuDeploy{Status: v1.NpuDeployStatus{Templates: "sha256:0000000000aa"}}
	for templates, want := range map[string]string{"": "sha256:0000000000aa", "sha256:0000000000bb": "sha256:0000000000bb"} {
		next := status.Evaluate(status.Observed{Deploy: deploy, Resolved: &status.Resolved{}, Outcomes: status.Outcomes{Templates: templates}})
		if next.Templates != want {
			t.Errorf("templates %q: got %q, want %q", templates, next.Templates, want)
		}
	}
}
