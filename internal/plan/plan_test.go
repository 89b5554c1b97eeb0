package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

func newDeploy(name string, count int32) v1.NpuDeploy {
	deploy := v1.NpuDeploy{Spec: v1.NpuDeploySpec{Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom", Count: &count}}}
	deploy.Namespace, deploy.Name = "search", name
	return deploy
}

func TestCompareReportsTheEffectOnEachDeployAndTheWorst(t *testing.T) {
	t.Parallel()
	serving := rendertest.Compile(t, nufi.Module())
	longer := rendertest.Replace(t, "schemas/policy/policy.cue", "graceSeconds: 120", "graceSeconds: 240")
	smaller := rendertest.Replace(t, "schemas/accelerators/atom.cue", "sizes: [1, 2, 4, 8, 16, 32]", "sizes: [1, 2, 8]")
	const refused = "spec.accelerator.count: 4 cannot be split on atom: use 1, 2, 8"
	deploys := []v1.NpuDeploy{newDeploy("llama", 4)}
	for name, c := range map[string]struct {
		now, next *render.Templates
		want      plan.Impact
		waves     []rollout.Preview
	}{
		"the same": {serving, serving, plan.Impact{Effect: render.None}, nil},
		"pods are replaced": {
			serving, longer, plan.Impact{Effect: render.Restart, Changes: []render.Change{{Object: "deployment/llama", Effect: render.Restart}}},
			[]rollout.Preview{{Name: "10%", Deploys: []string{"search/llama"}}},
		},
		"the spec is refused": {serving, smaller, plan.Impact{Effect: render.Refused, Message: refused}, nil},
		"refused by both":     {smaller, smaller, plan.Impact{Effect: render.None, Message: "refused by both sets: " + refused}, nil},
	} {
		c.want.Namespace, c.want.Name = "search", "llama"
		want := &plan.Plan{Effect: c.want.Effect, Deploys: []plan.Impact{c.want}, Projects: []plan.Impact{}, Waves: c.waves}
		if delta := cmp.Diff(want, plan.Sets{Now: c.now, Next: c.next}.Compare(deploys, nil, nil)); delta != "" {
			t.Errorf("%s (-want +got):\n%s", name, delta)
		}
	}
	got := plan.Sets{Now: smaller, Next: serving}.Compare(deploys, nil, nil).Deploys[0]
	if got.Effect != render.InPlace || len(got.Changes) == 0 {
		t.Errorf("the impact on a spec that does not render now is %v", got)
	}
}

// A picker that restarts is no restart of the servers. A change of the routing proxy, which is in their pods, is.
func TestChangeOfThePickerKeepsTheServers(t *testing.T) {
	t.Parallel()
	const note = "the endpoint picker restarts; the servers stay"
	picker := []render.Change{{Object: "deployment/llama-epp", Effect: render.InPlace, Note: note}}
	serving := rendertest.Compile(t, nufi.Module())
	deploy := newDeploy("llama", 1)
	deploy.Spec.Accelerator.Type = "nvidia"
	deploy.Spec.Endpoint = &v1.Endpoint{Kind: v1.EndpointInferencePool}
	deploy.Spec.Prefill = &v1.Prefill{}
	for _, c := range []struct {
		from, to string
		effect   render.Effect
		wave     string
		changes  []render.Change
	}{
		{"endpoint-picker:v0.10.0", "endpoint-picker:v0.10.1", render.InPlace, "InPlace", picker},
		{"prefillConfig: {}", `prefillConfig: plugins: [{type: "queue-scorer"}]`, render.InPlace, "InPlace", picker},
		{`"FailOpen"`, `"FailClose"`, render.InPlace, "InPlace", []render.Change{{Object: "inferencepool/llama", Effect: render.InPlace}}},
		{"sidecar:v0.10.0", "sidecar:v0.10.1", render.Restart, "10%", []render.Change{{Object: "deployment/llama-decode", Effect: render.Restart}}},
	} {
		impact := plan.Impact{Namespace: "search", Name: "llama", Effect: c.effect, Changes: c.changes}
		want := &plan.Plan{
			Effect: c.effect, Deploys: []plan.Impact{impact}, Projects: []plan.Impact{},
			Waves: []rollout.Preview{{Name: c.wave, Deploys: []string{"search/llama"}}},
		}
		sets := plan.Sets{Now: serving, Next: rendertest.Replace(t, "schemas/policy/policy.cue", c.from, c.to)}
		if delta := cmp.Diff(want, sets.Compare([]v1.NpuDeploy{deploy}, nil, nil)); delta != "" {
			t.Errorf("%s (-want +got):\n%s", c.to, delta)
		}
	}
}

// The comparison in CUE, and that of shared renders, must not differ from that of exported manifests.
func TestImpactIsThatOfExportedManifests(t *testing.T) {
	t.Parallel()
	now := rendertest.Compile(t, nufi.Module())
	effects := map[render.Effect]int{}
	for _, c := range []struct{ file, from, to string }{
		{"workload/service.cue", "spec: {\n", "spec: {\n\t\t_hidden: 1\n"}, // CUE's equality regards it.
		{"policy/policy.cue", "graceSeconds: 120", "graceSeconds: 240"},
		{"policy/policy.cue", "annotations: {}", `annotations: {"cost-center": "new"}`}, // A key of a user.
		{"policy/policy.cue", `serviceAccount: "Own"`, `serviceAccount: "NamespaceDefault"`},
		{"policy/policy.cue", `hostPaths: ["/mnt/data"]`, "hostPaths: []"},
		{"policy/policy.cue", "endpoint-picker:v0.10.0", "endpoint-picker:v0.10.1"},
	} {
		edited := rendertest.Edit(t, nufi.Module(), "schemas/"+c.file, func(_, content string) string {
			if !strings.Contains(content, c.from) {
				t.Fatalf("%s does not have %s", c.file, c.from)
			}
			return strings.Replace(content, c.from, c.to, 1)
		})
		next, err := now.CompileBeside(edited)
		if err != nil {
			t.Fatal(err)
		}
		sets := plan.Sets{Now: now, Next: next}
		for _, deploy := range rendertest.Examples(t) {
			renderer := plan.DeployRenderer(deploy, render.ProjectSettings{})
			first := sets.Impact(renderer) // The next ones are shared.
			want, _ := sets.Render(renderer)
			for _, got := range []plan.Impact{first, sets.Impact(renderer), sets.Impact(renderer)} {
				if delta := cmp.Diff(want, got); delta != "" {
					t.Errorf("%s with %s (-exported +got):\n%s", deploy.Name, c.to, delta)
				}
			}
			effects[want.Effect]++
			before, beforeErr := now.Evaluate(deploy, render.ProjectSettings{})
			after, afterErr := next.Evaluate(deploy, render.ProjectSettings{})
			if beforeErr != nil || afterErr != nil {
				continue
			}
			if _, _, ok := render.CompareEvaluations(before, after); !ok {
				t.Errorf("%s with %s cannot be compared in CUE", deploy.Name, c.to)
			}
		}
	}
	for _, effect := range []render.Effect{render.None, render.InPlace, render.Restart, render.Delete, render.Refused} {
		if effects[effect] == 0 {
			t.Errorf("no edit has the effect %s: %v", effect, effects)
		}
	}
}

func TestCompareReportsTheEffectOnTheObjectsOfAProject(t *testing.T) {
	t.Parallel()
	serving := rendertest.Compile(t, nufi.Module())
	const policy = "schemas/policy/policy.cue"
	project := v1.Project{Spec: v1.ProjectSpec{Quota: &v1.Quota{Accelerators: []v1.AcceleratorQuota{{Type: "atom", Count: 4}}}}}
	project.Name = "search"
	for name, c := range map[string]struct {
		next *render.Templates
		want plan.Impact
	}{
		"the same": {serving, plan.Impact{Effect: render.None}},
		"another standard for pods": {rendertest.Replace(t, policy, `audit: "restricted"`, `audit: "baseline"`),
			plan.Impact{Effect: render.InPlace, Changes: []render.Change{{Object: "namespace/search", Effect: render.InPlace}}}},
		"requests come from outside": {rendertest.Replace(t, policy, `"Restrict"`, `"Open"`),
			plan.Impact{Effect: render.Delete, Changes: []render.Change{{Object: "networkpolicy/nufi-project", Effect: render.Delete}}}},
	} {
		c.want.Name = "search"
		want := &plan.Plan{Effect: c.want.Effect, Deploys: []plan.Impact{}, Projects: []plan.Impact{c.want}}
		if delta := cmp.Diff(want, plan.Sets{Now: serving, Next: c.next}.Compare(nil, []v1.Project{project}, nil)); delta != "" {
			t.Errorf("%s (-want +got):\n%s", name, delta)
		}
	}
}

func TestImpactsAreInTheOrderOfTheDeploysAndIndependent(t *testing.T) {
	t.Parallel()
	serving := rendertest.Compile(t, nufi.Module())
	var deploys []v1.NpuDeploy
	var want []render.Effect
	for i := range 100 {
		count, effect := int32(4), render.None
		if i%3 == 0 {
			count, effect = 2, render.Refused
		}
		deploys = append(deploys, newDeploy(fmt.Sprint("llama-", i), count))
		want = append(want, effect)
	}
	without := rendertest.Replace(t, "schemas/accelerators/atom.cue", "sizes: [1, 2, 4, 8, 16, 32]", "sizes: [1, 4, 8]")
	got := plan.Sets{Now: serving, Next: without}.Compare(deploys, nil, nil)
	for i, impact := range got.Deploys {
		if impact.Name != deploys[i].Name || impact.Effect != want[i] {
			t.Errorf("impact %d is %v, want %s", i, impact, want[i])
		}
	}
	if got.Effect != render.Refused {
		t.Errorf("the worst is %s", got.Effect)
	}
}
