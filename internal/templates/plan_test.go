package templates_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func newCandidate(tb testing.TB, edit func(string, string) string) fs.FS {
	tb.Helper()
	dir := tb.TempDir()
	mount(tb, dir, "..1", edit)
	snapshot, err := templates.Snapshot(dir)
	if err != nil {
		tb.Fatal(err)
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
		content = replace("policy.cue", "manualDays: 0", "manualDays: 7")(name, content)
		return replace("policy.cue", `"Restrict"`, `"Open"`)(name, content)
	}
	live := newLive()
	live.Deploys[0].Labels = map[string]string{"dudaji.com/canary": "true"}
	for name, days := range map[string]int{"overdue": 8, "waiting": 6} {
		manual := live.Deploys[0]
		manual.Name, manual.Labels, manual.Spec.Updates = name, nil, v1.UpdateManual
		manual.Status.Conditions = []metav1.Condition{{
			Type: v1.ConditionUpdateAvailable, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(time.Now().AddDate(0, 0, -days)),
		}}
		live.Deploys = append(live.Deploys, manual)
	}
	slices.SortFunc(live.Deploys, func(a, b v1.NpuDeploy) int { return strings.Compare(a.Name, b.Name) })
	got, err := templates.Plan(t.Context(), nufi.Module(), newCandidate(t, edits), live, nil)
	impact := func(name string) plan.Impact {
		return plan.Impact{
			Namespace: "default", Name: name, Effect: render.Restart,
			Changes: []render.Change{{Object: "deployment/" + name, Effect: render.Restart}},
		}
	}
	want := &plan.Plan{
		Effect:   render.Delete,
		Deploys:  []plan.Impact{impact("live"), impact("overdue"), impact("waiting")},
		Projects: []plan.Impact{{Name: "search", Effect: render.Delete, Changes: []render.Change{{Object: "networkpolicy/nufi-project", Effect: render.Delete}}}},
		Waves:    []rollout.Preview{{Name: "Canary", Deploys: []string{"default/live"}}, {Name: "100%", Deploys: []string{"default/overdue"}}},
	}
	if delta := cmp.Diff(want, got); err != nil || delta != "" {
		t.Errorf("%v (-want +got):\n%s", err, delta)
	}
}

func TestViolationsAreInTheOrderOfTheSpecs(t *testing.T) {
	t.Parallel()
	live, want := templates.Live{Deploys: make([]v1.NpuDeploy, 12)}, []string{}
	for i := range live.Deploys {
		count := int32(4)
		deploy := &live.Deploys[i]
		deploy.Namespace, deploy.Name = "search", fmt.Sprint("llama-", i)
		if i%3 == 0 {
			count = 2
			want = append(want, "rendering search/"+deploy.Name+": spec.accelerator.count: 2 cannot be split on atom: use 1, 4, 8")
		}
		deploy.Spec = v1.NpuDeploySpec{Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom", Count: &count}}
	}
	err := templates.Validate(t.Context(), newCandidate(t, replace("atom.cue", "sizes: [1, 2, 4, 8, 16, 32]", "sizes: [1, 4, 8]")), live)
	if err == nil {
		t.Fatal("the candidate is valid")
	}
	got := slices.DeleteFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return !strings.HasPrefix(line, "rendering search/") })
	if delta := cmp.Diff(want, got); delta != "" {
		t.Errorf("(-want +got):\n%s", delta)
	}
}

func TestErrorOfTheTemplatesIsReportedOnceForEachKindOfSpec(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(string, string) string
		want string // the first line
	}{
		"an undefined field": {
			replace("service.cue", "_values.service.type", "_values.service.typ"),
			"schemas/workload/service.cue:21: rendering examples/article/npudeploy.yaml: objects.service.spec.type: undefined field: typ",
		},
		"an object without a kind": {
			replace("service.cue", `kind:       "Service"`, ""),
			"rendering examples/article/npudeploy.yaml: rendering: objects.service has no kind",
		},
		"a kind that is not allowed": {
			replace("service.cue", `"Service"`, `"ConfigMap"`),
			"rendering examples/article/npudeploy.yaml: ConfigMap llama-8b: templates of kind NpuDeploy may not render ConfigMap of v1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := templates.Validate(t.Context(), newCandidate(t, c.edit), newLive())
			if err == nil {
				t.Fatal("the candidate is valid")
			}
			lines := strings.Split(err.Error(), "\n")
			if lines[0] != c.want || len(lines) != 3 || !strings.Contains(lines[1], "rendering preset ") || !strings.Contains(lines[2], "rendering default/live: ") {
				t.Errorf("got %s\nwant %s, and a line for presets and NpuDeploys each", err, c.want)
			}
		})
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
