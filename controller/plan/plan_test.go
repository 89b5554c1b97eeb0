package plan_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/plan"
	"github.com/dudaji/nufi/controller/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// edited is the repository's templates with another text in one file.
func edited(t *testing.T, file, from, to string) *render.Templates {
	t.Helper()
	module := fstest.MapFS{}
	err := fs.WalkDir(nufi.Module(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(nufi.Module(), name)
		if name == file {
			content = []byte(strings.Replace(string(content), from, to, 1))
		}
		module[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	set, err := render.Compile(module)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestEveryDeployHasItsEffectAndTheWorstCounts(t *testing.T) {
	t.Parallel()
	serving := edited(t, "", "", "")
	longer := edited(t, "schemas/policy/policy.cue", "graceSeconds: 120", "graceSeconds: 240")
	smaller := edited(t, "schemas/accelerators/atom.cue", "sizes: [1, 2, 4, 8]", "sizes: [1, 2, 8]")
	const refused = "spec.accelerator.count: 4 cannot be split on atom: use 1, 2, 8"
	deploys := []v1.NpuDeploy{{Spec: v1.NpuDeploySpec{Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom", Count: new(int32(4))}}}}
	deploys[0].Namespace, deploys[0].Name = "search", "llama"
	for name, c := range map[string]struct {
		before, after *render.Templates
		want          plan.Deploy
	}{
		"the same":            {serving, serving, plan.Deploy{Effect: render.None}},
		"pods are replaced":   {serving, longer, plan.Deploy{Effect: render.Restart, Changes: []plan.Change{{"deployment/llama", render.Restart}}}},
		"the spec is refused": {serving, smaller, plan.Deploy{Effect: render.Refused, Message: refused}},
		"it is refused today": {smaller, smaller, plan.Deploy{Effect: render.None, Message: "refused now as then: " + refused}},
	} {
		c.want.Namespace, c.want.Name = "search", "llama"
		got := plan.All(c.before, c.after, deploys, nil)
		if delta := cmp.Diff([]plan.Deploy{c.want}, got); delta != "" {
			t.Errorf("%s (-want +got):\n%s", name, delta)
		}
		if worst := plan.Worst(append(got, plan.Deploy{Effect: render.None})); worst != c.want.Effect {
			t.Errorf("%s: the worst is %s", name, worst)
		}
	}
	if got := plan.All(smaller, serving, deploys, nil); got[0].Effect != render.InPlace || len(got[0].Changes) == 0 {
		t.Errorf("what was refused until now is all new: %v", got)
	}
}
