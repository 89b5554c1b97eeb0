package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// A deleted TemplateRollout leaves its assignments behind.
func TestRevisionsOfDeletedRolloutsAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	var members []rolloutMember
	for _, name := range []string{"", "templates-3", "templates-12", "by-hand"} {
		deploy := &v1.NpuDeploy{}
		if name != "" {
			deploy.Status.Rollout = &v1.RolloutAssignment{Name: name}
		}
		members = append(members, rolloutMember{object: deploy})
	}
	if got := assignedRevision(members); got != 12 {
		t.Errorf("the highest revision is %d, want 12", got)
	}
}

// Until the pods change, the status of an NpuDeploy that waits for its wave is written twice: when the update is
// available, and when it is assigned.
func TestNoStatusIsWrittenBetweenAssignmentAndPods(t *testing.T) {
	t.Parallel()
	observed := status.Observed{Deploy: &v1.NpuDeploy{}, Resolved: &status.Resolved{Image: "vllm"}}
	observed.Outcomes = status.Outcomes{
		Render: status.Outcome{Reason: v1.ReasonRendered}, Apply: status.Outcome{Reason: v1.ReasonApplied}, Templates: "old", Now: time.Unix(0, 0),
	}
	deploy := &v1.NpuDeploy{Status: status.Evaluate(observed)}

	observed.Deploy = deploy
	observed.Update = &status.Update{TemplateUpdate: v1.TemplateUpdate{Templates: "new", Effect: "Restart"}}
	waiting := &v1.NpuDeploy{Status: status.Evaluate(observed)}
	if waiting.Status.Update == nil {
		t.Fatal("no update is available")
	}
	assigned := waiting.DeepCopy()
	setAssignment(&assigned.Status, &v1.RolloutAssignment{Name: "templates-1", Templates: "new", From: "old"})
	if delta := cmp.Diff(deploy.Status.Conditions, assigned.Status.Conditions); delta != "" || assigned.Status.Update != nil {
		t.Errorf("update %v (-before +assigned):\n%s", assigned.Status.Update, delta)
	}

	observed.Deploy, observed.Update = assigned, nil
	observed.Templates = "" // The informer does not have the applied objects yet.
	if delta := cmp.Diff(assigned.Status, status.Evaluate(observed)); delta != "" {
		t.Errorf("(-assigned +applied):\n%s", delta)
	}

	reverted := waiting.DeepCopy()
	setAssignment(&reverted.Status, &v1.RolloutAssignment{Name: "templates-1", Templates: "old", From: "new"})
	if reverted.Status.Update == nil {
		t.Error("the update is removed by the assignment of other templates")
	}
}
