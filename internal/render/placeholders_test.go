package render_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// A render of a file has no placeholders.
func TestTextsInTheFormOfPlaceholdersStay(t *testing.T) {
	t.Parallel()
	document := []byte(`apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: user-key-0000, namespace: user-key-0001}
spec:
  model: user-key-0002
  accelerator: {type: atom}
  endpoint: {host: user-key-0003}
  podMetadata:
    labels: {team: user-key-0004, user-key-0000: user-key-0001, example.com/team: a, placeholder.invalid/user-key-0002: b}
    annotations: {note: placeholder.invalid/user-key-0005, user-key-0006: a}
  inferenceServer:
    args: [--served-model-name, user-key-0000, placeholder.invalid/user-key-0007]
    env: [{name: user-key-0008, value: user-key-0009}]
    nodeSelector: {zone: user-key-0010}
`)
	settings := render.ProjectSettings{DefaultPriorityClass: "user-key-0011"}
	fromFile, err := compiled(t).RenderYAML(inputName, document, settings)
	want := renderedAs(t, fromFile, err)
	deploy := typed(t, document)
	got, err := compiled(t).Render(deploy, settings)
	if diff := cmp.Diff(want, renderedAs(t, got, err)); diff != "" {
		t.Errorf("(-file +API server):\n%s", diff)
	}
	compareShared(t, compiled(t), deploy, settings, "user-key-0000", "user-key-0001", "user-key-0020", "a")
}

// Messages quote values beside keys.
func TestMessageKeepsATextInTheFormOfAPlaceholder(t *testing.T) {
	t.Parallel()
	deploy := typed(t, []byte(minimalSpec))
	deploy.Spec.InferenceServer = &v1.InferenceServer{Dialect: "user-key-0000"}
	deploy.Spec.PodMetadata = &v1.PodMetadata{Labels: map[string]v1.LabelValue{"team": "a"}}
	if _, err := compiled(t).Render(deploy, render.ProjectSettings{}); err == nil || !strings.Contains(err.Error(), deploy.Spec.InferenceServer.Dialect) {
		t.Errorf("the error is %v", err)
	}
}

// A label of policy whose name is computed is the one of the spec with that name.
func TestComputedLabelOfPolicyIsNotReplaced(t *testing.T) {
	t.Parallel()
	set, err := render.Compile(edited(t, policyFile, func(policy string) string {
		return policy + `policy: labels: "cost\("-")center": "platform"`
	}))
	if err != nil {
		t.Fatal(err)
	}
	deploy := typed(t, []byte(minimalSpec))
	deploy.Spec.PodMetadata = &v1.PodMetadata{Labels: map[string]v1.LabelValue{"cost-center": "a"}}
	const want = "spec.podMetadata.labels.cost-center: policy sets it to platform: remove it"
	if _, err := set.Render(deploy, render.ProjectSettings{}); err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

// Rules recognize resources by prefixes and by names that templates compute.
func TestResourcesMeanTheSameToFileAndAPIServer(t *testing.T) {
	t.Parallel()
	set := compiled(t)
	for _, resource := range []string{
		"nvidia.com/rdma_shared_device_a", "nvidia.com/hostdev1", "nvidia.com/mig-1g.10gb", "nvidia.com/mig-9g.99gb", "amd.com/nic2",
		"huawei.com/Ascend910-2c", "vke.volcengine.com/rdma2", "rdma/hca_a", "example.com/thing", "hugepages-2Mi",
	} {
		for _, limits := range []string{"limits: {%s: 1}", "limits: {nvidia.com/gpu: 2, %s: 1}", "requests: {%s: 1}"} {
			document := []byte(fmt.Sprintf(`apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: a, namespace: b}
spec:
  model: meta-llama/Llama-3.1-8B-Instruct
  inferenceServer: {image: "vllm/vllm-openai:v0.11.0", resources: {`+limits+`}}
`, resource))
			fromFile, fileErr := set.RenderYAML(inputName, document, render.ProjectSettings{})
			fromServer, serverErr := set.Render(typed(t, document), render.ProjectSettings{})
			if diff := cmp.Diff(renderedAs(t, fromFile, fileErr), renderedAs(t, fromServer, serverErr)); diff != "" {
				t.Errorf(limits+" (-file +API server):\n%s", resource, diff)
			}
		}
	}
}

// A violation of the contract by a value that the Go type cannot hold is another one, or none, for the API server.
func TestInvalidFixturesAreRejectedByRenderToo(t *testing.T) {
	other := []string{
		"annotation-key-of-metadata", "api-version", "header-of-a-match-is-not-empty", "kind", "label-key-of-metadata", "label-of-metadata",
		"required-field", "required-field-of-kubernetes", "spec-required", "text-expected",
	}
	for _, file := range glob(t, npuDeploys().fixtures+"/invalid/*.yaml") {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		document := read(t, file)
		deploy := &v1.NpuDeploy{}
		if yaml.UnmarshalStrict(document, deploy) != nil || slices.Contains(other, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := templatesOf(t, document).Render(deploy, render.ProjectSettings{})
			if diff := cmp.Diff(header(document, wantLine)+"\n", renderedAs(t, result, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
