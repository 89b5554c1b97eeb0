package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/render"
)

// A file may call a package what another file of its package calls a field.
func TestAnImportMeansItsPackageWhateverItIsCalled(t *testing.T) {
	t.Parallel()
	rename := strings.NewReplacer(
		`"dudaji.com/nufi/schemas/policy"`, `resolved "dudaji.com/nufi/schemas/policy"`,
		"policy.policy", "resolved.policy",
	)
	renamed := compile(t, edited(t, "schemas/workload/values.cue", rename.Replace))
	deploy := typed(t, []byte(endpointSpec))
	want, err := compiled(t).Render(deploy, render.ProjectSettings{})
	wanted := summary(t, want, err)
	got, err := renamed.Render(deploy, render.ProjectSettings{})
	if diff := cmp.Diff(wanted, summary(t, got, err)); diff != "" {
		t.Errorf("(-by its own name +by another):\n%s", diff)
	}
}
