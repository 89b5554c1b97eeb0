package controller

import (
	"testing"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// A rollout may assign templates between the read and the patch of a reconcile.
func TestStatusPatchRetainsTheAssignment(t *testing.T) {
	t.Parallel()
	serving := &render.Templates{Catalogue: &render.Catalogue{Defaults: render.Defaults{Updates: v1.UpdateAutomatic}}}
	kind := &deployKind{renders: newRenderCache(func() (*render.Templates, error) { return serving, nil }, nil), unrecorded: newUnrecordedAssignments(nil, nil)}
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
		if got := assignedTemplates(next.Status.Rollout); got != c.want {
			t.Errorf("%s: assigned %q, want %q", name, got, c.want)
		}
	}
}
