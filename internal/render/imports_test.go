package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// A file may import a package under the name of a field of another file.
func TestRenamedImportRefersToItsPackage(t *testing.T) {
	t.Parallel()
	rename := strings.NewReplacer(
		`"dudaji.com/nufi/schemas/policy"`, `resolved "dudaji.com/nufi/schemas/policy"`,
		"policy.policy", "resolved.policy",
	)
	renamed := rendertest.Compile(t, edited(t, "schemas/workload/values.cue", rename.Replace))
	deploy := typed(t, []byte(endpointSpec))
	want, err := compiled(t).Render(deploy, render.ProjectSettings{})
	wanted := summary(t, want, err)
	got, err := renamed.Render(deploy, render.ProjectSettings{})
	if diff := cmp.Diff(wanted, summary(t, got, err)); diff != "" {
		t.Errorf("(-own name +another name):\n%s", diff)
	}
}
