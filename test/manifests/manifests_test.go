package manifests_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

// The definitions are the projects' own, with their schemas, except Prometheus'.
func TestMain(m *testing.M) {
	harness.Main(m, harness.Routes(), harness.With(cluster.LWS), harness.With(cluster.KubeRay), harness.With(cluster.Istio), harness.With(cluster.GatewayAPI), harness.With(cluster.Inference), harness.With(cluster.KEDA))
}

var templates = sync.OnceValues(func() (*render.Templates, error) { return render.Compile(nufi.Module()) })

// A fixture with a policy of its own is rendered with the repository's policy, which may reject it.
func TestKubernetesAcceptsManifestsOfValidSpecs(t *testing.T) {
	h := harness.New(t)
	for _, pattern := range []string{"examples/*/npudeploy.yaml", "schemas/npudeploy/testdata/valid/*.yaml"} {
		files, err := filepath.Glob(h.Path(filepath.FromSlash(pattern)))
		h.Must(err)
		if len(files) == 0 {
			t.Errorf("no file matches %s", pattern)
		}
		for _, file := range files {
			t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				result, err := renderYAML(t, content)
				if err != nil {
					if !strings.HasPrefix(string(content), "# policy:") {
						t.Error(err)
					}
					return
				}
				if err := dryRun(h, result); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Each case is fields of spec.inferenceServer, which are passed to the pod. The rules accept
// exactly what Kubernetes accepts, and report the others at their fields.
func TestRulesAndKubernetesRejectTheSameFields(t *testing.T) {
	h := harness.New(t)
	base, err := renderYAML(t, []byte(spec(`{}`)))
	h.Must(err)
	for _, test := range podCases() {
		t.Run(test.fields, func(t *testing.T) {
			fields := map[string]any{}
			if err := yaml.Unmarshal([]byte(test.fields), &fields); err != nil {
				t.Fatal(err)
			}
			rejection := createPod(h, base, fields)
			if (rejection != nil) != test.isInvalid {
				t.Fatalf("Kubernetes' error is %v", rejection)
			}
			result, err := renderYAML(t, []byte(spec(test.fields)))
			if (err != nil) != test.isInvalid {
				t.Errorf("Kubernetes: %v; the rules: %v", rejection, err)
			}
			if err == nil {
				if err := dryRun(h, result); err != nil {
					t.Error(err)
				}
			}
			// With prefill, a rule may reject more. Two Deployments have the fields.
			result, err = renderYAML(t, []byte(specWithPrefill(test.fields)))
			if invalid := (*render.Error)(nil); errors.As(err, &invalid) {
				return
			} else if err != nil {
				t.Fatalf("with prefill: %v", err)
			}
			if err := dryRun(h, result); err != nil {
				t.Errorf("with prefill: %v", err)
			}
		})
	}
}

// spec returns a document with fields of spec.inferenceServer, in flow style.
func spec(fields string) string {
	return fmt.Sprintf(`{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: web}, spec: {
model: org/name, accelerator: {type: nvidia, count: 2}, endpoint: {kind: None}, inferenceServer: %s}}`, fields)
}

// specWithPrefill returns the same with servers that process prompts, on another number of devices.
func specWithPrefill(fields string) string {
	return strings.Replace(spec(fields), "endpoint: {kind: None}", "prefill: {accelerator: {type: nvidia, count: 1}}, endpoint: {kind: InferencePool}", 1)
}

func renderYAML(tb testing.TB, document []byte) (*render.Result, error) {
	tb.Helper()
	set, err := templates()
	if err != nil {
		tb.Fatal(err)
	}
	return set.RenderYAML("npudeploy.yaml", document, render.ProjectSettings{})
}

// dryRun returns the errors of the API server about rendered objects.
func dryRun(h *harness.Harness, result *render.Result) error {
	h.Helper()
	for _, object := range result.Objects {
		object.SetNamespace(h.Namespace)
		if subjects, exists, _ := unstructured.NestedSlice(object.Object, "subjects"); exists {
			subjects[0].(map[string]any)["namespace"] = h.Namespace
			h.Must(unstructured.SetNestedSlice(object.Object, subjects, "subjects"))
		}
	}
	owner := apply.DeployOwner(&v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "web", UID: "00000000-0000-4000-8000-000000000000"}})
	set, err := apply.NewObjectSet(owner, result.Objects)
	h.Must(err)
	return errors.Join(slices.Collect(maps.Values(apply.DryRun(h.Context(), h.Client, set)))...)
}

// createPod returns the error of the API server about a Deployment whose pod has the fields.
func createPod(h *harness.Harness, base *render.Result, fields map[string]any) error {
	h.Helper()
	at := slices.IndexFunc(base.Objects, func(object *unstructured.Unstructured) bool { return object.GetKind() == "Deployment" })
	deployment := base.Objects[at].DeepCopy()
	deployment.SetNamespace(h.Namespace)
	pod, _, err := unstructured.NestedFieldNoCopy(deployment.Object, "spec", "template", "spec")
	h.Must(err)
	setFields(pod.(map[string]any), fields)
	return h.Client.Create(h.Context(), deployment, client.DryRunAll)
}

// setFields sets fields of spec.inferenceServer where a template would.
func setFields(pod, fields map[string]any) {
	container := pod["containers"].([]any)[0].(map[string]any)
	for name, value := range fields {
		switch name {
		case "probes":
			for probe, value := range value.(map[string]any) {
				container[probe+"Probe"] = value
			}
		case "podSecurityContext":
			pod["securityContext"] = value
		case "volumes":
			pod[name] = append(pod[name].([]any), value.([]any)...)
		case "volumeMounts", "ports":
			container[name] = append(container[name].([]any), value.([]any)...)
		case "env", "envFrom", "securityContext", "resources":
			container[name] = value
		default:
			pod[name] = value
		}
	}
}

// KEDA's definition has the schema and the rules of a ScaledObject, which policy may choose.
func TestKEDAsDefinitionAcceptsTheScaledObject(t *testing.T) {
	h := harness.New(t)
	const file = "schemas/policy/policy.cue"
	module := fstest.MapFS{}
	h.Must(fs.WalkDir(nufi.Module(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			var content []byte
			content, err = fs.ReadFile(nufi.Module(), path)
			module[path] = &fstest.MapFile{Data: content}
		}
		return err
	}))
	module[file].Data = []byte(strings.Replace(string(module[file].Data), `"HorizontalPodAutoscaler"`, `"ScaledObject"`, 1))
	set, err := render.Compile(module)
	h.Must(err)
	result, err := set.RenderYAML("npudeploy.yaml", []byte(h.File("examples/autoscaled/npudeploy.yaml")), render.ProjectSettings{})
	h.Must(err)
	at := slices.IndexFunc(result.Objects, func(object *unstructured.Unstructured) bool { return object.GetKind() == "ScaledObject" })
	if at < 0 {
		t.Fatal("no ScaledObject is rendered")
	}
	if err := dryRun(h, result); err != nil {
		t.Error(err)
	}
	result.Objects[at].Object["spec"].(map[string]any)["minReplicaCount"] = int64(100)
	if err := dryRun(h, result); err == nil {
		t.Error("more pods than the greatest number are accepted: the definition has no rules")
	}
}
