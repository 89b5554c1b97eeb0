package render_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

const researchFile = "schemas/policy/research.cue"

// documentedPolicy returns the file of an example in docs/policy.md: the block of CUE that begins
// with package policy and has the text.
func documentedPolicy(t *testing.T, text string) string {
	t.Helper()
	for _, content := range codeBlocks(string(read(t, "../../docs/policy.md")), "cue") {
		if strings.HasPrefix(content, "package policy\n") && strings.Contains(content, text) {
			return content
		}
	}
	t.Fatalf("docs/policy.md has no file with %q", text)
	return ""
}

// withPolicyFile compiles the repository's templates with a file beside policy.cue.
func withPolicyFile(t *testing.T, content string) *render.Templates {
	t.Helper()
	module := rendertest.Edit(t, nufi.Module(), policyFile, func(_, policy string) string { return policy }).(fstest.MapFS)
	module[researchFile] = &fstest.MapFile{Data: []byte(content), Mode: fs.ModePerm}
	return rendertest.Compile(t, module)
}

func renderIn(t *testing.T, set *render.Templates, namespace string) *render.Result {
	t.Helper()
	deploy := fmt.Sprintf("metadata: {name: llama, namespace: %s}\nspec: {model: a/b, accelerator: {type: atom, count: 4}}\n", namespace)
	result, err := set.Render(typed(t, []byte(deploy)), render.ProjectSettings{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// explained returns the value and the sources of a field of the Deployment.
func explained(t *testing.T, result *render.Result, path string) (value string, sources []string) {
	t.Helper()
	explanations, err := result.Explain()
	if err != nil {
		t.Fatal(err)
	}
	for _, explanation := range explanations {
		if explanation.Object != "deployment/llama" || explanation.Path != path {
			continue
		}
		for _, source := range explanation.Sources {
			sources = append(sources, fmt.Sprintf("%s: %s:%d", source.Kind, source.Position.Filename, source.Position.Line))
		}
		return explanation.Value, sources
	}
	t.Fatalf("there is no %s", path)
	return "", nil
}

func TestPolicyOfAProjectReplacesTheGeneralPolicy(t *testing.T) {
	t.Parallel()
	page, example := string(read(t, "../../docs/policy.md")), documentedPolicy(t, "rollout:")
	set := withPolicyFile(t, example)
	research := renderIn(t, set, "research")
	for path, want := range map[string]struct{ value, text string }{
		"spec.template.spec.containers[0].image":                     {`"registry.example.com/research/vllm-rbln:v0.11.1"`, "images: atom"},
		"spec.strategy.type":                                         {`"Recreate"`, "rollout:"},
		"spec.template.spec.volumes[1].hostPath.path":                {`"/mnt/research/cache"`, "modelCache:"},
		"spec.template.spec.containers[0].volumeMounts[1].mountPath": {`"/cache"`, "modelCache:"},
		`spec.template.metadata.labels["kueue.x-k8s.io/queue-name"]`: {`"research-gpus"`, "queue:"},
	} {
		value, sources := explained(t, research, path)
		before, _, _ := strings.Cut(example, want.text)
		source := fmt.Sprintf("policy: %s:%d", researchFile, strings.Count(before, "\n")+1)
		if value != want.value || cmp.Diff([]string{source}, sources) != "" {
			t.Errorf("%s is %s from %v, want %s from %s", path, value, sources, want.value, source)
		}
		if line := fmt.Sprintf("    %s  %s  %s\n", path, value, strings.Replace(source, ": ", " ", 1)); want.text == "images: atom" && !strings.Contains(page, line) {
			t.Errorf("docs/policy.md does not contain %q", line)
		}
	}
	for name, namespace := range map[string]string{"another": "sandbox", "a longer name": "research-2", "a part of the name": "search"} {
		if diff := cmp.Diff(summary(t, renderIn(t, compiled(t), namespace), nil), summary(t, renderIn(t, set, namespace), nil)); diff != "" {
			t.Errorf("%s project changed:\n%s", name, diff)
		}
	}
}

func TestQueueOfAProjectReplacesTheGeneralQueue(t *testing.T) {
	t.Parallel()
	set := withPolicyFile(t, `package policy
policy: queue: labels: "example.com/queue": "all"
policy: projects: research: queue: labels: "example.com/queue": "own"
policy: projects: sandbox: queue: labels: {}
policy: projects: team: images: {}
`)
	for namespace, want := range map[string]string{"other": "all", "team": "all", "research": "own", "sandbox": ""} {
		for _, object := range renderIn(t, set, namespace).Objects {
			got, _, err := unstructured.NestedString(object.Object, "spec", "template", "metadata", "labels", "example.com/queue")
			if object.GetKind() == "Deployment" && (got != want || err != nil) {
				t.Errorf("%s: the queue is %q, want %q, error %v", namespace, got, want, err)
			}
		}
	}
}

func TestDocumentedClaimIsRendered(t *testing.T) {
	t.Parallel()
	set := withPolicyFile(t, documentedPolicy(t, "claim:"))
	claim := renderIn(t, set, "research").Objects[1]
	size, _, _ := unstructured.NestedString(claim.Object, "spec", "resources", "requests", "storage")
	if claim.GetKind() != "PersistentVolumeClaim" || claim.GetName() != "llama-model-cache" || size != "200Gi" {
		t.Errorf("the claim is %v", claim)
	}
	for name, spec := range map[string]string{
		"another project":   "metadata: {name: llama, namespace: other}\nspec: {model: a/b, accelerator: {type: atom}}",
		"an existing claim": "metadata: {name: llama, namespace: research}\nspec: {model: a/b, accelerator: {type: atom}, modelCache: {claimName: shared}}",
		"no cache":          "metadata: {name: llama, namespace: research}\nspec: {model: a/b, accelerator: {type: atom}, modelCache: {kind: None}}",
	} {
		result, err := set.Render(typed(t, []byte(spec)), render.ProjectSettings{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, object := range result.Objects {
			if object.GetKind() == "PersistentVolumeClaim" {
				t.Errorf("%s: a claim is rendered", name)
			}
		}
	}
}

func TestCatalogueOfAProjectHasItsPolicy(t *testing.T) {
	t.Parallel()
	catalogue := withPolicyFile(t, documentedPolicy(t, "rollout:")).Catalogue
	research := catalogue.In("research")
	for i, accelerator := range catalogue.Accelerators {
		want := accelerator.Image
		if accelerator.Name == "atom" {
			want = "registry.example.com/research/vllm-rbln:v0.11.1"
		}
		if got := research.Accelerators[i].Image; got != want {
			t.Errorf("the image of %s is %q, want %q", accelerator.Name, got, want)
		}
	}
	cache := research.Defaults.ModelCache
	if cache.HostPath != "/mnt/research/cache" || cache.MountPath != "/cache" || cache.Kind != "HostPath" {
		t.Errorf("the model cache is %+v", cache)
	}
	if diff := cmp.Diff(catalogue.Defaults, catalogue.In("other").Defaults); diff != "" {
		t.Errorf("in a project without exceptions (-all +project):\n%s", diff)
	}
}
