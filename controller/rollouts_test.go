package controller

import (
	"testing"

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
