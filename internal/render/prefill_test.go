package render_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
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

// The fields of a pod that refer to its role, or to its user, are those of each role.
func TestPodsOfBothRolesHaveTheirOwnSelectorAndUser(t *testing.T) {
	t.Parallel()
	result := renderDisaggregated(t, "inferenceServer: {replicas: 1}", `inferenceServer:
    podSecurityContext: {runAsUser: 0}
    topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]`)
	for _, role := range []string{"decode", "prefill"} {
		pod := podOf(t, result, "a-"+role)
		want := map[string]string{"dudaji.com/npudeploy": "a", "dudaji.com/role": role}
		if delta := cmp.Diff(want, pod.TopologySpreadConstraints[0].LabelSelector.MatchLabels); delta != "" {
			t.Errorf("%s: labels of the spread (-want +got):\n%s", role, delta)
		}
	}
	checkStarts(t, "proxy beside a server of root", podOf(t, result, "a-decode").InitContainers[0])
}

// Policy may let servers run as root.
func TestOwnContainersStartWherePolicyNamesRoot(t *testing.T) {
	t.Parallel()
	module := underPolicy(t, `allowPrivilegeEscalation: false, runAsUser: 0, runAsNonRoot: false`)
	result, err := rendertest.Compile(t, module).RenderYAML("a.yaml", []byte(disaggregated), render.ProjectSettings{})
	if err != nil {
		t.Fatal(err)
	}
	checkStarts(t, "proxy", podOf(t, result, "a-decode").InitContainers[0])
	checkStarts(t, "endpoint picker", podOf(t, result, "a-epp").Containers[0])
}

// checkStarts fails if a container of root must not run as root: the kubelet does not start it.
func checkStarts(t *testing.T, name string, container corev1.Container) {
	t.Helper()
	if context := container.SecurityContext; !*context.RunAsNonRoot || context.RunAsUser == nil || *context.RunAsUser == 0 {
		t.Errorf("%s: the security context is %+v", name, context)
	}
}

// podOf returns the pod of a Deployment.
func podOf(t *testing.T, result *render.Result, name string) *corev1.PodSpec {
	t.Helper()
	for _, object := range result.Objects {
		if object.GetKind() != "Deployment" || object.GetName() != name {
			continue
		}
		var deployment appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &deployment, true); err != nil {
			t.Fatal(err)
		}
		return &deployment.Spec.Template.Spec
	}
	t.Fatalf("there is no Deployment %s", name)
	return nil
}

// The workers of a group have no label of their role, so that a selector of leaders would not count them.
func TestSpreadCountsAllPodsOfAGroup(t *testing.T) {
	t.Parallel()
	document := strings.NewReplacer(
		"count: 2}", "count: 2, nodes: 2}",
		"{replicas: 1}\n", "{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}\n",
		"  prefill: {replicas: 1, accelerator: {type: nvidia, count: 1}}\n", "", "InferencePool", "None",
	).Replace(disaggregated)
	result, err := compiled(t).RenderYAML("a.yaml", []byte(document), render.ProjectSettings{})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(result.Objects, func(object *unstructured.Unstructured) bool { return object.GetKind() == "LeaderWorkerSet" })
	for _, template := range []string{"leaderTemplate", "workerTemplate"} {
		constraints, _, err := unstructured.NestedSlice(result.Objects[at].Object, "spec", "leaderWorkerTemplate", template, "spec", "topologySpreadConstraints")
		if err != nil || len(constraints) != 1 {
			t.Fatalf("%s: constraints %v, error %v", template, constraints, err)
		}
		want := map[string]any{"matchLabels": map[string]any{"dudaji.com/npudeploy": "a"}}
		if delta := cmp.Diff(want, constraints[0].(map[string]any)["labelSelector"]); delta != "" {
			t.Errorf("%s (-want +got):\n%s", template, delta)
		}
	}
}
