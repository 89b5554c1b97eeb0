package templates_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func candidate(t *testing.T, edit func(string, string) string) fs.FS {
	t.Helper()
	dir := t.TempDir()
	mount(t, dir, "..1", edit)
	snapshot, err := templates.Snapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func live() templates.Live {
	deploy := v1.NpuDeploy{Spec: v1.NpuDeploySpec{Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom"}}}
	deploy.Name, deploy.Namespace = "live", "default"
	project := v1.Project{}
	project.Name = "search"
	return templates.Live{Deploys: []v1.NpuDeploy{deploy}, Projects: []v1.Project{project}}
}

func TestAPlanSaysWhatACandidateWouldDo(t *testing.T) {
	t.Parallel()
	edits := func(name, content string) string {
		content = replace("policy.cue", "graceSeconds: 120", "graceSeconds: 240")(name, content)
		return replace("policy.cue", `"Restrict"`, `"Open"`)(name, content)
	}
	got, err := templates.Plan(t.Context(), nufi.Module(), candidate(t, edits), live(), nil)
	want := &plan.Plan{
		Effect:   render.Delete,
		Deploys:  []plan.Impact{{Namespace: "default", Name: "live", Effect: render.Restart, Changes: []plan.Change{{Object: "deployment/live", Effect: render.Restart}}}},
		Projects: []plan.Impact{{Name: "search", Effect: render.Delete, Changes: []plan.Change{{Object: "networkpolicy/nufi-project", Effect: render.Delete}}}},
	}
	if delta := cmp.Diff(want, got); err != nil || delta != "" {
		t.Errorf("%v (-want +got):\n%s", err, delta)
	}
}

// A candidate is a stranger's program: whatever it does, it does in the child.
func TestACandidateThatHarmsItsProcessIsRejected(t *testing.T) {
	t.Parallel()
	repeat := func(file, from, to string) func(string, string) string {
		return func(name, content string) string {
			content = replace(file, from, to)(name, content)
			return replace(file, "package workload\n", "package workload\n\nimport \"strings\"\n")(name, content)
		}
	}
	const name = "name:        _values.name"
	for name, c := range map[string]struct {
		edit func(string, string) string
		want string
	}{
		"no CUE":          {replace("policy.cue", "policy: {", "policy: {{"), "schemas/policy/policy.cue:"},
		"a broken rule":   {replace("rules.cue", "general: [", `general: [if deploy.spec != _|_ {spec: model: error("no models today")},`), "rendering examples/"},
		"endless memory":  {repeat("metadata.cue", name, `name: strings.Repeat(strings.Repeat("x", 1000000), 1000)`), "evaluating ended with exit status 2"},
		"an endless tale": {repeat("metadata.cue", name, `name: strings.Repeat("x", 1000000)`), "the output is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			four := templates.Live{Deploys: slices.Repeat(live().Deploys, 4)}
			got, err := templates.Plan(t.Context(), nufi.Module(), candidate(t, c.edit), four, nil)
			var rejected *templates.RejectedError
			if !errors.As(err, &rejected) || !strings.Contains(rejected.Violations[0].String(), c.want) {
				t.Errorf("the plan is %.300v, the error is %.300v, want %s", got, err, c.want)
			}
		})
	}
}

func TestAPlanEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the client is gone")
	cancel(gone)
	if _, err := templates.Plan(ctx, nufi.Module(), nufi.Module(), live(), nil); !errors.Is(err, gone) {
		t.Errorf("the error is %v", err)
	}
}
