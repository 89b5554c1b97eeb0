package render_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

func TestCatalogueContainsAcceleratorsAndPolicy(t *testing.T) {
	t.Parallel()
	catalogue := rendertest.Compile(t, underPolicy(t, `registries: ["registry.example.com/"]`, `domain: "example.com"`,
		`projects: {sandbox: {allowed: {registries: [], serviceAccounts: ["builder"], podSecurityLevel: "privileged"}}}`)).Catalogue
	atom := catalogue.Accelerators[slices.IndexFunc(catalogue.Accelerators, func(a render.Accelerator) bool { return a.Name == "atom" })]
	want := render.Accelerator{
		Name: "atom", Vendor: "Rebellions", Product: "ATOM", Resource: "rebellions.ai/npu", Aliases: []string{"rebellions.ai/ATOM"},
		MemoryGiB: 16, DevicesPerNode: 32, Counts: []int64{1, 2, 4, 8, 16, 32},
		Lacks: []string{"data parallelism", "pipeline parallelism", "Ray"}, Image: "registry.example.com/rebellions/vllm-rbln:v0.11.0",
	}
	if diff := cmp.Diff(want, atom); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := catalogue.Allowed.Registries; !slices.Equal(got, []string{"registry.example.com/"}) {
		t.Errorf("registries are %v", got)
	}
	sandbox := catalogue.In("sandbox").Allowed
	if diff := cmp.Diff(render.Allowed{
		HostPaths: catalogue.Allowed.HostPaths, Registries: []string{}, PriorityClasses: catalogue.Allowed.PriorityClasses, ServiceAccounts: []string{"builder"}, PodSecurityLevel: "privileged",
	}, sandbox); diff != "" || len(sandbox.HostPaths) == 0 {
		t.Errorf("in a project with exceptions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(catalogue.Allowed, catalogue.In("other").Allowed); diff != "" || len(catalogue.Allowed.ServiceAccounts) > 0 {
		t.Errorf("in a project without exceptions (-all +project):\n%s", diff)
	}
	if defaults := catalogue.Defaults; defaults.Endpoint.Domain != "example.com" || defaults.Endpoint.Gateways["Ingress"] != "nginx" || defaults.ModelCache.MountPath != "/models" || defaults.Requests.CPU.Base != 2 {
		t.Errorf("defaults are %+v", defaults)
	}
}

func TestKindsOfTheCatalogueAreThoseOfTheCRD(t *testing.T) {
	t.Parallel()
	spec := newAPIServer(t, npuDeploys()).structural.Properties["spec"]
	for field, got := range map[string][]string{"endpoint": compiled(t).Catalogue.EndpointKinds, "modelCache": compiled(t).Catalogue.ModelCacheKinds} {
		var want []string
		for _, value := range spec.Properties[field].Properties["kind"].ValueValidation.Enum {
			want = append(want, value.Object.(string))
		}
		slices.Sort(want)
		if !slices.Equal(want, slices.Sorted(slices.Values(got))) {
			t.Errorf("kinds of %s are %v, the CRD's %v", field, got, want)
		}
	}
}

// Examples have been run; a preset has the image, the model and the devices of one.
func TestPresetsMatchExamples(t *testing.T) {
	t.Parallel()
	examples := map[string]bool{}
	for _, file := range glob(t, "../../examples/*/npudeploy.yaml") {
		result, err := compiled(t).RenderYAML(file, read(t, file), render.ProjectSettings{})
		if err != nil {
			t.Fatal(err)
		}
		examples[serverOf(t, result)] = true
	}
	presets := compiled(t).Catalogue.Presets
	if len(presets) == 0 {
		t.Fatal("there are no presets")
	}
	for _, preset := range presets {
		result, err := compiled(t).RenderPreset(preset)
		if err != nil {
			t.Errorf("%s: %v", preset.Name, err)
			continue
		}
		if server := serverOf(t, result); !examples[server] {
			t.Errorf("%s: no example has %s", preset.Name, server)
		}
	}
}

// serverOf returns the image, the model and the devices of a server.
func serverOf(t *testing.T, result *render.Result) string {
	t.Helper()
	text := string(manifests(t, &result.Manifests))
	_, after, found := strings.Cut(text, "--model=")
	model, _, _ := strings.Cut(after, "\n")
	if !found || result.Resolved.Accelerator == nil {
		return ""
	}
	return fmt.Sprint(result.Resolved.Image, model, *result.Resolved.Accelerator)
}

func TestCompileRejectsAnInvalidCatalogue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, from, to string }{
		"no catalogue":             {"schemas/catalogue/catalogue.cue", "catalogue: {", "other: {"},
		"a field of another type":  {"schemas/catalogue/catalogue.cue", "_policy.server.port", `"\(_policy.server.port)"`},
		"a preset without a spec":  {"schemas/policy/presets.cue", "spec: {", "values: {"},
		"a preset with a bad name": {"schemas/policy/presets.cue", `"qwen-7b"`, `"Qwen 7B"`},
		"a preset without a title": {"schemas/policy/presets.cue", `"Qwen2.5 7B"`, `""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module := edited(t, c.file, func(content string) string { return strings.Replace(content, c.from, c.to, 1) })
			if _, err := render.Compile(module); err == nil {
				t.Error("no error")
			}
		})
	}
}
