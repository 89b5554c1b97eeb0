package controller

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// manifestsOf renders an NpuDeploy, or returns nil.
func manifestsOf(tb testing.TB, set *render.Templates, deploy *v1.NpuDeploy) *apply.ObjectSet {
	tb.Helper()
	result, err := set.Render(deploy, render.ProjectSettings{})
	if err != nil {
		return nil
	}
	manifests, err := apply.NewObjectSet(apply.DeployOwner(deploy), result.Objects)
	if err != nil {
		tb.Fatal(err)
	}
	return manifests
}

// The comparison with cached manifests must not differ from the one that renders with both sets.
func TestImpactOnCachedManifestsIsThatOfBothRenders(t *testing.T) {
	t.Parallel()
	used := rendertest.Compile(t, nufi.Module())
	effects := map[render.Effect]int{}
	for _, edit := range [][2]string{
		{"policy: {\n", "policy: {\n\t// A comment.\n"},
		{"graceSeconds: 120", "graceSeconds: 240"},
		{"annotations: {}", `annotations: {note: "new"}`},
		{"labels: {}", `labels: {"example.com/set": "new"}`},
		{`serviceAccount: "Own"`, `serviceAccount: "NamespaceDefault"`},
		{`hostPaths: ["/mnt/data"]`, "hostPaths: []"},
		{`podMonitor: "None"`, `podMonitor: "Make"`},
		{"registries: []", `registries: ["registry.example.com/"]`},
	} {
		set := servingSet(used, "")
		set.serving = rendertest.Replace(t, "schemas/policy/policy.cue", edit[0], edit[1])
		for _, deploy := range rendertest.Examples(t) {
			want, wantDevices := set.impact(deploy, render.ProjectSettings{}, nil)
			got, devices := set.impact(deploy, render.ProjectSettings{}, manifestsOf(t, used, deploy))
			if delta := cmp.Diff(want, got) + cmp.Diff(wantDevices, devices); delta != "" {
				t.Errorf("%s with %s (-both rendered +cached):\n%s", deploy.Name, edit[1], delta)
			}
			effects[got.Effect]++
		}
	}
	for _, effect := range []render.Effect{render.None, render.InPlace, render.Restart, render.Delete, render.Refused} {
		if effects[effect] == 0 {
			t.Errorf("no edit has the effect %s: %v", effect, effects)
		}
	}
}

// Of a lost set, the digests of its manifests are left.
func TestImpactOnWhatALostSetLeft(t *testing.T) {
	t.Parallel()
	deploy := rendertest.Examples(t)[0]
	applied, refused := rendertest.Compile(t, nufi.Module()), deploy.DeepCopy()
	refused.Spec.ModelSize = "-1"
	left := manifestsOf(t, applied, deploy)
	for _, test := range []struct {
		name    string
		deploy  *v1.NpuDeploy
		serving *render.Templates
		want    render.Effect
	}{
		{"the same manifests", deploy, rendertest.Replace(t, "schemas/policy/policy.cue", "policy: {\n", "policy: {\n\t// A comment.\n"), render.None},
		{"other ones", deploy, rendertest.Replace(t, "schemas/policy/policy.cue", "annotations: {}", `annotations: {note: "new"}`), render.Restart},
		{"none", refused, applied, render.Refused},
	} {
		set := usedSet{digest: "sha256:000000000000", compiled: notStored("sha256:000000000000"), serving: test.serving}
		set.isApplied = func(desired *apply.ObjectSet) bool {
			differing, err := desired.Except(left)
			return err == nil && len(differing) == 0
		}
		impact, _ := set.impact(test.deploy, render.ProjectSettings{}, nil)
		if impact.Effect != test.want {
			t.Errorf("%s: the effect is %s, want %s", test.name, impact.Effect, test.want)
		}
	}
}

func TestStoredSetIsCompiledOnce(t *testing.T) {
	t.Parallel()
	r := newTemplateSets(nil, "", nil)
	module := rendertest.Replace(t, "schemas/policy/policy.cue", "graceSeconds: 120", "graceSeconds: 240")
	if err := r.store(t.Context(), module); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var compiled [4]*render.Templates
	for i := range compiled {
		group.Go(func() {
			if kept, err := r.get(t.Context(), module.Digest); err == nil && kept != nil {
				compiled[i], _ = kept.compile()
			}
		})
	}
	group.Wait()
	for _, set := range compiled {
		if set == nil || set != compiled[0] {
			t.Fatalf("the sets are %v", compiled)
		}
	}
}
