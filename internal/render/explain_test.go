package render_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// sourceKinds returns the kinds of sources by object and path.
func sourceKinds(t *testing.T, result *render.Result) map[string][]render.SourceKind {
	t.Helper()
	explanations, err := result.Explain()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]render.SourceKind{}
	for _, explained := range explanations {
		var kinds []render.SourceKind
		for _, source := range explained.Sources {
			if len(kinds) == 0 || kinds[len(kinds)-1] != source.Kind {
				kinds = append(kinds, source.Kind)
			}
		}
		all[explained.Object+" "+explained.Path] = kinds
	}
	return all
}

func TestExplainIsTheSameForFileAndAPIServer(t *testing.T) {
	t.Parallel()
	set := explainable(t)
	for _, file := range glob(t, "../../examples/*/npudeploy.yaml") {
		text := read(t, file)
		deploy := &v1.NpuDeploy{}
		if err := yaml.Unmarshal(text, deploy); err != nil {
			t.Fatal(err)
		}
		if deploy.Namespace == "" {
			continue // the API server holds none without
		}
		written, err := set.RenderYAML(file, text, render.ProjectSettings{})
		if err != nil {
			t.Fatal(err)
		}
		held, err := set.Render(deploy, render.ProjectSettings{})
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(sourceKinds(t, written), sourceKinds(t, held)); difference != "" {
			t.Errorf("%s: -file +API server\n%s", file, difference)
		}
	}
}

func TestExplainNamesTheProjectForItsDefaults(t *testing.T) {
	t.Parallel()
	set, facts := explainable(t), render.ProjectSettings{DefaultPriorityClass: "batch"}
	spec := []byte(`
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: llama, namespace: research}
spec: {model: a/b, accelerator: {type: atom}}
`)
	written, err := set.RenderYAML(inputName, spec, facts)
	if err != nil {
		t.Fatal(err)
	}
	held, err := set.Render(typed(t, spec), facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range []*render.Result{written, held} {
		got := sourceKinds(t, result)["deployment/llama spec.template.spec.priorityClassName"]
		if difference := cmp.Diff([]render.SourceKind{render.FromProject}, got); difference != "" {
			t.Errorf("-want +got\n%s", difference)
		}
	}
}

// plainName matches a key that paths contain without brackets.
var plainName = regexp.MustCompile(`^[A-Za-z][\w-]*$`)

// scalarsOf returns the paths of all scalars in content.
func scalarsOf(path string, content any) []string {
	var all []string
	switch content := content.(type) {
	case map[string]any:
		for name, field := range content {
			if !plainName.MatchString(name) {
				name = fmt.Sprintf("[%q]", name)
			} else if path != "" {
				name = "." + name
			}
			all = append(all, scalarsOf(path+name, field)...)
		}
	case []any:
		for i, item := range content {
			all = append(all, scalarsOf(fmt.Sprintf("%s[%d]", path, i), item)...)
		}
	default:
		all = append(all, path)
	}
	return all
}

func TestExplainCoversEachFieldOfEachManifest(t *testing.T) {
	t.Parallel()
	set := explainable(t)
	for _, file := range glob(t, "../../examples/*/npudeploy.yaml") {
		text := read(t, file)
		result, err := set.RenderYAML(file, text, render.ProjectSettings{})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, object := range result.Objects {
			for _, path := range scalarsOf("", object.Object) {
				want = append(want, strings.ToLower(object.GetKind())+"/"+object.GetName()+" "+path)
			}
		}
		got := slices.Collect(maps.Keys(sourceKinds(t, result)))
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: fields (-rendered +explained):\n%s", file, diff)
		}
	}
}

func TestExplainKeepsThePathOfTheUsersFile(t *testing.T) {
	t.Parallel()
	const file = "/specs/llama.yaml"
	result, err := explainable(t).RenderYAML(file, []byte("{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: llama, namespace: a}, spec: {model: a/b, accelerator: {type: atom}}}"), render.ProjectSettings{})
	if err != nil {
		t.Fatal(err)
	}
	explanations, err := result.Explain()
	if err != nil {
		t.Fatal(err)
	}
	for _, explained := range explanations {
		for _, source := range explained.Sources {
			if source.Kind == render.FromUser && source.Position.Line > 0 && source.Position.Filename != file {
				t.Errorf("%s is from %s, want %s", explained.Path, source.Position, file)
			}
		}
	}
}

// Templates copy these fields in loops.
func TestExplainNamesTheOriginOfCopiedFields(t *testing.T) {
	t.Parallel()
	const spec = `apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: a, namespace: b}
spec:
  model: org/name
  accelerator: {type: nvidia, count: 2}
  inferenceServer:
    schedulerName: other
    securityContext: {runAsUser: 1, capabilities: {add: [CHOWN]}}
    podSecurityContext: {fsGroup: 2}
    resources: {limits: {memory: 20Gi}}
    initContainers: [{name: c, image: d, securityContext: {runAsUser: 3}}]
`
	const onTwoNodes, prefill = "  parallelism: {pipeline: 2}", "  prefill: {}\n  endpoint: {kind: InferencePool}"
	user, policy := []render.SourceKind{render.FromUser}, []render.SourceKind{render.FromPolicy}
	for pod, choice := range map[string]string{
		"deployment/a spec.template.spec":                                      "",
		"leaderworkerset/a-lws spec.leaderWorkerTemplate.leaderTemplate.spec":  onTwoNodes,
		"leaderworkerset/a-lws spec.leaderWorkerTemplate.workerTemplate.spec":  onTwoNodes,
		"rayservice/a spec.rayClusterConfig.workerGroupSpecs[0].template.spec": "  parallelism: {workload: RayService}",
		"deployment/a-decode spec.template.spec":                               prefill,
		"deployment/a-prefill spec.template.spec":                              prefill,
	} {
		document := spec + choice
		if choice == onTwoNodes {
			document = strings.Replace(document, "count: 2", "count: 2, nodes: 2", 1)
		}
		result, err := explainable(t).RenderYAML(inputName, []byte(document), render.ProjectSettings{})
		if err != nil {
			t.Fatal(err)
		}
		kinds := sourceKinds(t, result)
		for field, want := range map[string][]render.SourceKind{
			"schedulerName":                                              user,
			"terminationGracePeriodSeconds":                              policy,
			"securityContext.fsGroup":                                    user,
			"securityContext.seccompProfile.type":                        policy,
			"containers[0].securityContext.runAsUser":                    user,
			"containers[0].securityContext.allowPrivilegeEscalation":     policy,
			"containers[0].securityContext.capabilities.add[0]":          user,
			"containers[0].securityContext.capabilities.drop[0]":         policy,
			`containers[0].resources.limits["nvidia.com/gpu"]`:           user,
			"containers[0].resources.limits.memory":                      user,
			"initContainers[0].securityContext.runAsUser":                user,
			"initContainers[0].securityContext.allowPrivilegeEscalation": policy,
		} {
			if diff := cmp.Diff(want, kinds[pod+"."+field]); diff != "" {
				t.Errorf("%s.%s (-want +got):\n%s", pod, field, diff)
			}
		}
	}
}

// A part of a text is the result of a function in the templates.
func TestExplainNamesTheSpecForPartsOfAModel(t *testing.T) {
	t.Parallel()
	const document = "{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: llama, namespace: a}, spec: {model: %q, accelerator: {type: nvidia}}}"
	for model, field := range map[string]string{
		"pvc://files/llama":   "persistentVolumeClaim.claimName",
		"oci://registry/a:v1": "image.reference",
	} {
		result, err := explainable(t).RenderYAML(inputName, fmt.Appendf(nil, document, model), render.ProjectSettings{})
		if err != nil {
			t.Fatal(err)
		}
		kinds := sourceKinds(t, result)["deployment/llama spec.template.spec.volumes[2]."+field]
		if difference := cmp.Diff([]render.SourceKind{render.FromUser}, kinds); difference != "" {
			t.Errorf("%s of %s: -want +got\n%s", field, model, difference)
		}
	}
}

// The names of headers and backends are variables of loops, and a gateway is divided by a function.
func TestExplainNamesTheOriginOfARoute(t *testing.T) {
	t.Parallel()
	const document = `apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: llama, namespace: a}
spec:
  model: a/b
  accelerator: {type: nvidia}
  endpoint:
    kind: HTTPRoute
    gateway: %s
    traffic:
      matches: [{headers: {x-canary: {exact: "1"}}, backend: other}]
      backends: [{name: llama, weight: 1}, {name: third, weight: 1}]
`
	const gateway = "istio-system/nufi-gateway" // that of policy
	for gateway, want := range map[string]render.SourceKind{gateway: render.FromUser, "null": render.FromPolicy} {
		result, err := explainable(t).RenderYAML(inputName, fmt.Appendf(nil, document, gateway), render.ProjectSettings{})
		if err != nil {
			t.Fatal(err)
		}
		kinds := sourceKinds(t, result)
		for field, kind := range map[string]render.SourceKind{
			"parentRefs[0].name":                  want,
			"parentRefs[0].namespace":             want,
			"parentRefs[0].kind":                  render.FromTemplate,
			"rules[0].matches[0].headers[0].name": render.FromUser,
			"rules[0].matches[0].headers[0].type": render.FromTemplate,
			"rules[0].backendRefs[0].name":        render.FromUser,
			"rules[1].backendRefs[1].name":        render.FromUser,
			"rules[1].backendRefs[1].kind":        render.FromTemplate,
		} {
			if diff := cmp.Diff([]render.SourceKind{kind}, kinds["httproute/llama spec."+field]); diff != "" {
				t.Errorf("gateway %s: %s (-want +got):\n%s", gateway, field, diff)
			}
		}
	}
}
