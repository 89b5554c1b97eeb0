package render_test

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// decided is who had a say in each field: object, path and kinds of sources.
func decided(t *testing.T, result *render.Result) map[string][]render.SourceKind {
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

func TestWhatTheAPIServerHoldsIsExplainedAsItsTextIs(t *testing.T) {
	t.Parallel()
	set, err := render.Compile(nufi.Module())
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(nufi.Examples(), "examples/*/npudeploy.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(nufi.Examples(), file)
		if err != nil {
			t.Fatal(err)
		}
		deploy := &v1.NpuDeploy{}
		if err := yaml.Unmarshal(text, deploy); err != nil {
			t.Fatal(err)
		}
		if deploy.Namespace == "" {
			continue // the API server holds none without
		}
		written, err := set.RenderYAML(file, text, render.Facts{})
		if err != nil {
			t.Fatal(err)
		}
		held, err := set.Render(deploy, render.Facts{})
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(decided(t, written), decided(t, held)); difference != "" {
			t.Errorf("%s: -text +held\n%s", file, difference)
		}
	}
}

func TestTheProjectIsNamedWhereItsDefaultIsInUse(t *testing.T) {
	t.Parallel()
	set, facts := compiled(t), render.Facts{DefaultPriorityClass: "batch"}
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
		got := decided(t, result)["deployment/llama spec.template.spec.priorityClassName"]
		if difference := cmp.Diff([]render.SourceKind{render.FromProject}, got); difference != "" {
			t.Errorf("-want +got\n%s", difference)
		}
	}
}
