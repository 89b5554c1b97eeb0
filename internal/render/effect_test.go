package render_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

const planned = `apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: a}
spec: {model: a/b, accelerator: {type: atom, count: 4}, endpoint: {}}
`

func TestCompareReportsTheEffectOfAPolicyChange(t *testing.T) {
	t.Parallel()
	const policy = "schemas/policy/policy.cue"
	cases := map[string]struct {
		from, to string
		effect   render.Effect
		changes  []render.Change
	}{
		"nothing":      {"", "", render.None, nil},
		"grace period": {"graceSeconds: 120", "graceSeconds: 240", render.Restart, []render.Change{{Object: "deployment/a", Effect: render.Restart}}},
		"rollout":      {"historyLimit: 3", "historyLimit: 5", render.InPlace, []render.Change{{Object: "deployment/a", Effect: render.InPlace}}},
		"grace period on several nodes": {"graceSeconds: 120", "graceSeconds: 240", render.Restart,
			[]render.Change{{Object: "leaderworkerset/a-lws", Effect: render.Restart}}},
		"rollout on several nodes": {"maxSurge: 0, maxUnavailable: 1", "maxSurge: 1, maxUnavailable: 0", render.InPlace,
			[]render.Change{{Object: "leaderworkerset/a-lws", Effect: render.InPlace}}},
		"grace period in Ray": {"graceSeconds: 120", "graceSeconds: 240", render.Restart,
			[]render.Change{{Object: "rayservice/a", Effect: render.Restart, Note: "KubeRay makes a second cluster, with as many devices again, and deletes the first when it serves"}}},
		"rollout in Ray": {"historyLimit: 3", "historyLimit: 5", render.None, nil},
		"route's domain": {`domain: "nufi.me"`, `domain: "example.com"`, render.InPlace, []render.Change{{Object: "virtualservice/a", Effect: render.InPlace}}},
		"kind of route": {`kind:   "VirtualService"`, `kind:   "Ingress"`, render.Delete,
			[]render.Change{{Object: "ingress/a", Effect: render.InPlace}, {Object: "virtualservice/a", Effect: render.Delete}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			planned := planned
			if strings.Contains(name, "on several nodes") {
				planned = strings.Replace(planned, "{type: atom, count: 4}", "{type: nvidia, count: 4, nodes: 2}", 1)
			}
			if strings.HasSuffix(name, "in Ray") {
				planned = strings.Replace(planned, "{type: atom, count: 4}", "{type: nvidia, count: 4}, parallelism: {workload: RayService}", 1)
			}
			renderWith := func(module fs.FS) *render.Result {
				result, err := rendertest.Compile(t, module).RenderYAML("a.yaml", []byte(planned), render.ProjectSettings{})
				if err != nil {
					t.Fatal(err)
				}
				return result
			}
			next := edited(t, policy, func(content string) string { return strings.Replace(content, c.from, c.to, 1) })
			effect, changes := render.Compare(renderWith(nufi.Module()), renderWith(next))
			if effect != c.effect {
				t.Errorf("effect is %s, want %s", effect, c.effect)
			}
			if delta := cmp.Diff(c.changes, changes); delta != "" {
				t.Errorf("changes (-want +got):\n%s", delta)
			}
		})
	}
}
