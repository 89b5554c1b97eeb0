package render_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
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
