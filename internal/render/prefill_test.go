package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dudaji/nufi/internal/render"
)

const disaggregated = `apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: a, namespace: ml-serving}
spec:
  model: org/name
  accelerator: {type: nvidia, count: 2}
  inferenceServer: {replicas: 1}
  prefill: {replicas: 1, accelerator: {type: nvidia, count: 1}}
  endpoint: {kind: InferencePool}
`

// renderDisaggregated renders the spec with parts replaced.
func renderDisaggregated(t *testing.T, oldNew ...string) *render.Result {
	t.Helper()
	result, err := compiled(t).RenderYAML("a.yaml", []byte(strings.NewReplacer(oldNew...).Replace(disaggregated)), render.ProjectSettings{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestChangeOfOneRoleRestartsItsPodsAlone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  []string
		effect  render.Effect
		changes []render.Change
	}{
		"devices of prefill": {[]string{"count: 1", "count: 4"}, render.Restart, []render.Change{{Object: "deployment/a-prefill", Effect: render.Restart}}},
		"devices":            {[]string{"count: 2", "count: 4"}, render.Restart, []render.Change{{Object: "deployment/a-decode", Effect: render.Restart}}},
		"replicas of prefill": {[]string{"{replicas: 1, ", "{replicas: 2, "}, render.InPlace, []render.Change{
			{Object: "deployment/a-prefill", Effect: render.InPlace}, {Object: "poddisruptionbudget/a-prefill", Effect: render.InPlace},
		}},
		"stopped": {[]string{"{replicas: 1}", "{replicas: 0}"}, render.InPlace, []render.Change{
			{Object: "deployment/a-decode", Effect: render.InPlace}, {Object: "deployment/a-prefill", Effect: render.InPlace},
		}},
	} {
		effect, changes := render.Compare(renderDisaggregated(t), renderDisaggregated(t, test.change...))
		if delta := cmp.Diff(test.changes, changes); effect != test.effect || delta != "" {
			t.Errorf("%s: effect %s, want %s; changes (-want +got):\n%s", name, effect, test.effect, delta)
		}
	}
}

// The longest name, with the suffix of a role, is still that of a label and of a host.
func TestNamesOfRolesAreLabels(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", 52)
	for _, object := range renderDisaggregated(t, "name: a,", "name: "+longest+",").Objects {
		if problems := validation.IsDNS1123Label(object.GetName()); len(problems) > 0 {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), problems)
		}
	}
}
