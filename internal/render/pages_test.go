package render_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// The test follows the text of the page: its file, its policy and its spec.
func TestAcceleratorPageMatchesTheShippedFile(t *testing.T) {
	t.Parallel()
	page := string(read(t, "../../docs/adding-an-accelerator.md"))
	blocks := codeBlocks(page, "cue")
	if len(blocks) != 2 {
		t.Fatalf("the page has %d CUE blocks", len(blocks))
	}
	if diff := cmp.Diff(string(read(t, "../../schemas/accelerators/rngd.cue")), blocks[0]); diff != "" {
		t.Errorf("rngd.cue (-shipped +page):\n%s", diff)
	}
	module := rendertest.Edit(t, nufi.Module(), "schemas/accelerators/rngd.cue", func(string, string) string { return blocks[0] }).(fstest.MapFS)
	_, spec, _ := strings.Cut(page, "echo '")
	spec, _, _ = strings.Cut(spec, "' |")
	result, err := rendertest.Compile(t, module).RenderYAML("page.yaml", []byte(strings.ReplaceAll(spec, "\n    ", "\n")), render.ProjectSettings{})
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Resolved.Accelerator; got == nil || got.ResourceName != "furiosa.ai/rngd" || got.Count != 2 {
		t.Errorf("the accelerator is %+v", got)
	}
	module["schemas/policy/page.cue"] = &fstest.MapFile{Data: []byte("package policy\n\n" + blocks[1])}
	atom, err := rendertest.Compile(t, module).Render(typed(t, []byte(minimalSpec)), render.ProjectSettings{})
	if err != nil || atom.Resolved.Accelerator.ResourceName != "rebellions.ai/ATOM" {
		t.Errorf("with the page's policy: %+v, %v", atom, err)
	}
}

// The README quotes what nufi vet reports of its first spec with three devices.
func TestREADMEQuotesTheViolationOfItsSpec(t *testing.T) {
	t.Parallel()
	readme := string(read(t, "../../README.md"))
	spec := strings.Replace(codeBlocks(readme, "yaml")[0], "count: 8", "count: 3", 1)
	_, err := compiled(t).RenderYAML("llama.yaml", []byte(spec), render.ProjectSettings{})
	var invalid *render.Error
	if !errors.As(err, &invalid) || len(invalid.Violations) != 1 {
		t.Fatalf("the spec has the violations %v, want one", err)
	}
	violation := invalid.Violations[0]
	if line := fmt.Sprintf("    %s: %s\n", violation.Position, violation); !strings.Contains(readme, line) {
		t.Errorf("the README does not contain %q", line)
	}
}

func TestREADMECountsTheLinesOfTheManifests(t *testing.T) {
	t.Parallel()
	const manifests = "examples/llama-8b/manifests.yaml"
	lines := strings.Count(string(read(t, "../../"+manifests)), "\n")
	if link := fmt.Sprintf("[%d lines of manifests](%s)", lines, manifests); !strings.Contains(string(read(t, "../../README.md")), link) {
		t.Errorf("the README does not contain %s", link)
	}
}

// Every spec on a page renders. A part of one gets a name, and a model with devices if it has no server.
func TestPagesShowSpecsThatRender(t *testing.T) {
	t.Parallel()
	specs := 0
	for _, page := range append(glob(t, "../../docs/*.md"), "../../README.md") {
		for _, block := range codeBlocks(string(read(t, page)), "yaml") {
			for document := range strings.SplitSeq(block, "\n---\n") {
				spec := completed(t, document)
				if spec == nil {
					continue
				}
				specs++
				for _, d := range render.ReadDocuments(page, spec) {
					if _, err := compiled(t).RenderDocument(d, render.ProjectSettings{}); err != nil {
						t.Errorf("%s: %v\n%s", page, err, spec)
					}
				}
			}
		}
	}
	if specs < 10 {
		t.Errorf("the pages show only %d specs", specs)
	}
}

// completed returns a whole NpuDeploy or Project, or nil if the document is of another kind.
func completed(t *testing.T, document string) []byte {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	spec, ok := object["spec"].(map[string]any)
	if kind, has := object["kind"]; !ok || has && kind != v1.Kind && kind != v1.KindProject {
		return nil
	} else if has {
		return []byte(document)
	}
	if object["metadata"] == nil {
		object["metadata"] = map[string]any{"name": "page", "namespace": "ml-serving"}
	}
	if spec["model"] == nil && spec["inferenceServer"] == nil {
		spec["model"], spec["accelerator"] = "org/name", map[string]any{"type": "nvidia"}
	}
	object["apiVersion"], object["kind"] = v1.GroupVersion().String(), v1.Kind
	content, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Every change of policy on a page is valid: templates with it compile, and render a spec.
func TestPagesShowValidPolicies(t *testing.T) {
	t.Parallel()
	policies := 0
	for _, page := range append(glob(t, "../../docs/*.md"), "../../README.md") {
		for _, block := range codeBlocks(string(read(t, page)), "cue") {
			change, err := parser.ParseFile(page, block)
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if !strings.Contains(block, "policy: ") {
				continue // Facts.
			}
			policies++
			set := rendertest.Compile(t, edited(t, policyFile, func(content string) string { return withFields(t, content, change) }))
			if _, err := set.Render(typed(t, []byte(minimalSpec)), render.ProjectSettings{}); err != nil {
				t.Errorf("%s: %v\n%s", page, err, block)
			}
		}
	}
	if policies < 5 {
		t.Errorf("the pages show only %d policies", policies)
	}
}

// withFields returns a file of CUE with the values of another in place of its own.
func withFields(t *testing.T, content string, change *ast.File) string {
	t.Helper()
	file, err := parser.ParseFile(policyFile, content)
	if err != nil {
		t.Fatal(err)
	}
	file.Decls = replaced(file.Decls, change.Decls)
	text, err := format.Node(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func replaced(fields, changes []ast.Decl) []ast.Decl {
	for _, change := range changes {
		field, ok := change.(*ast.Field)
		if !ok {
			continue // The package.
		}
		index := slices.IndexFunc(fields, func(decl ast.Decl) bool {
			other, ok := decl.(*ast.Field)
			return ok && label(other) == label(field)
		})
		if index < 0 {
			fields = append(fields, field)
			continue
		}
		old, isStruct := fields[index].(*ast.Field).Value.(*ast.StructLit)
		if changed, ok := field.Value.(*ast.StructLit); ok && isStruct {
			old.Elts = replaced(old.Elts, changed.Elts)
			continue
		}
		fields[index] = field
	}
	return fields
}

func label(field *ast.Field) string {
	name, _, _ := ast.LabelName(field.Label)
	return name
}

// codeBlocks returns the fenced blocks of a language.
func codeBlocks(page, language string) []string {
	var blocks []string
	for i, part := range strings.Split(page, "```"+language+"\n") {
		if block, _, _ := strings.Cut(part, "```"); i > 0 {
			blocks = append(blocks, block)
		}
	}
	return blocks
}
