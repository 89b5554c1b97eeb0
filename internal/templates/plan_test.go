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
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func newCandidate(t *testing.T, edit func(string, string) string) fs.FS {
	t.Helper()
	dir := t.TempDir()
	mount(t, dir, "..1", edit)
	snapshot, err := templates.Snapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func newLive() templates.Live {
	deploy := v1.NpuDeploy{Spec: v1.NpuDeploySpec{Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom"}}}
	deploy.Name, deploy.Namespace = "live", "default"
	project := v1.Project{}
	project.Name = "search"
	return templates.Live{Deploys: []v1.NpuDeploy{deploy}, Projects: []v1.Project{project}}
}

func TestPlanReportsTheEffectOfACandidate(t *testing.T) {
	t.Parallel()
	edits := func(name, content string) string {
		content = replace("policy.cue", "graceSeconds: 120", "graceSeconds: 240")(name, content)
		return replace("policy.cue", `"Restrict"`, `"Open"`)(name, content)
	}
	got, err := templates.Plan(t.Context(), nufi.Module(), newCandidate(t, edits), newLive(), nil)
	want := &plan.Plan{
		Effect:   render.Delete,
		Deploys:  []plan.Impact{{Namespace: "default", Name: "live", Effect: render.Restart, Changes: []render.Change{{Object: "deployment/live", Effect: render.Restart}}}},
		Projects: []plan.Impact{{Name: "search", Effect: render.Delete, Changes: []render.Change{{Object: "networkpolicy/nufi-project", Effect: render.Delete}}}},
		Waves:    []rollout.Preview{{Name: "10%", Deploys: []string{"default/live"}}},
	}
	if delta := cmp.Diff(want, got); err != nil || delta != "" {
		t.Errorf("%v (-want +got):\n%s", err, delta)
	}
}

// A candidate is untrusted: only the child may suffer from it.
func TestPlanRejectsACandidateThatExceedsABound(t *testing.T) {
	t.Parallel()
	repeat := func(file, from, to string) func(string, string) string {
		return func(name, content string) string {
			content = replace(file, from, to)(name, content)
			return replace(file, "package workload\n", "package workload\n\nimport \"strings\"\n")(name, content)
		}
	}
	const name = "name:        _values.name"
	longName := func(file, content string) string {
		content = replace("scaling.cue", `kind: "Deployment", name: _values.name`, `kind: "Deployment", name: _metadata.name`)(file, content)
		return repeat("metadata.cue", name, `name: strings.Repeat("x", 400000)`)(file, content)
	}
	for name, c := range map[string]struct {
		edit func(string, string) string
		want string
	}{
		"invalid CUE":          {replace("policy.cue", "policy: {", "policy: {{"), "schemas/policy/policy.cue:"},
		"an incomplete object": {replace("service.cue", `kind:       "Service"`, ""), "rendering examples/"},
		"memory":               {repeat("metadata.cue", name, `name: strings.Repeat(strings.Repeat("x", 1000000), 1000)`), "evaluating ended with exit status 2"},
		"output":               {longName, "the output is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eight := templates.Live{Deploys: slices.Repeat(newLive().Deploys, 8)}
			got, err := templates.Plan(t.Context(), nufi.Module(), newCandidate(t, c.edit), eight, nil)
			var rejected *templates.RejectedError
			if !errors.As(err, &rejected) || !strings.Contains(rejected.Violations[0].Located(), c.want) {
				t.Errorf("the plan is %.300v, the error is %.300v, want %s", got, err, c.want)
			}
		})
	}
}

func TestPlanEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	errDisconnected := errors.New("the client disconnected")
	cancel(errDisconnected)
	if _, err := templates.Plan(ctx, nufi.Module(), nufi.Module(), newLive(), nil); !errors.Is(err, errDisconnected) {
		t.Errorf("the error is %v", err)
	}
}
