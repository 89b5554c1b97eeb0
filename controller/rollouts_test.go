package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dudaji/nufi/internal/rollout"
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
		members = append(members, rolloutMember{object: deploy, Deploy: rollout.Deploy{Assignment: deploy.Status.Rollout}})
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

func TestCountsOfARolloutAreWrittenOncePerSecond(t *testing.T) {
	t.Parallel()
	wrote := time.Unix(1000, 0)
	r := &rollouts{wrote: wrote}
	before := v1.TemplateRolloutStatus{Wave: 1, Waves: []v1.RolloutWave{{Name: "10%", Total: 2}}, Summary: "0/2"}
	counted, ended, failed := *before.DeepCopy(), *before.DeepCopy(), *before.DeepCopy()
	counted.Waves[0].Updated, counted.Summary = 1, "1/2"
	ended.Waves[0].Updated, ended.Summary, ended.Wave = 2, "2/2", 2
	failed.Waves[0].Failed, failed.Failed = 1, []v1.FailedDeploy{{Name: "web"}}
	for name, c := range map[string]struct {
		after v1.TemplateRolloutStatus
		want  time.Time
	}{
		"the same":     {before, time.Time{}},
		"more updated": {counted, wrote.Add(settleProgress)},
		"a wave ended": {ended, time.Time{}},
		"one failed":   {failed, time.Time{}},
	} {
		if got := r.progressDue(before, c.after); !got.Equal(c.want) {
			t.Errorf("%s: due %s, want %s", name, got, c.want)
		}
	}
}

// A decision on an older status would be repeated, and its write conflict with the one before.
func TestRolloutsAreThoseWrittenLast(t *testing.T) {
	t.Parallel()
	of := func(name, uid, version string) v1.TemplateRollout {
		rollout := v1.TemplateRollout{}
		rollout.Name, rollout.UID, rollout.ResourceVersion = name, types.UID(uid), version
		return rollout
	}
	newer, older, other := of("templates-1", "a", "8"), of("templates-2", "b", "5"), of("templates-3", "c", "9")
	written := newLastWritten[*v1.TemplateRollout]()
	for _, rollout := range []*v1.TemplateRollout{&newer, &older, &other} {
		written.put(rollout)
	}
	all := []v1.TemplateRollout{of("templates-1", "a", "7"), of("templates-2", "b", "6"), of("templates-3", "d", "7")}
	var versions []string
	for i := range all {
		versions = append(versions, written.newest(&all[i]).ResourceVersion)
	}
	if delta := cmp.Diff([]string{"8", "6", "7"}, versions); delta != "" || len(written.byName) != 1 {
		t.Errorf("%d are kept (-want +got):\n%s", len(written.byName), delta)
	}
}
