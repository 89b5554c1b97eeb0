package render_test

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/heap"
)

// maxCompiled is the most bytes that the compiled templates of this program retain. They are measured with 11.7 MiB;
// with the expressions behind their constants they have 18.9 MiB.
const maxCompiled = 13 << 20

func TestCompiledTemplatesStayWithinBounds(t *testing.T) {
	skipUnderRace(t)
	if _, err := render.Compile(nufi.Module()); err != nil { // What CUE keeps for the life of the process.
		t.Fatal(err)
	}
	before := heap.InUse()
	set, err := render.Compile(nufi.Module())
	if err != nil {
		t.Fatal(err)
	}
	if retained := heap.InUse() - before; retained > maxCompiled {
		t.Errorf("the templates retain %d bytes, more than %d", retained, maxCompiled)
	}
	runtime.KeepAlive(set)
}

func TestConstantsRenderAsTheirExpressions(t *testing.T) {
	ofEachFixture(t, "*/*.yaml", func(t *testing.T, kind kind, file string) {
		t.Helper()
		document := read(t, file)
		got, gotErr := kind.render(templatesOf(t, document), document)
		want, wantErr := kind.render(explainableOf(t, document), document)
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			t.Fatalf("%v, with expressions %v", gotErr, wantErr)
		}
		if wantErr != nil {
			return
		}
		if diff := cmp.Diff(want.Objects, got.Objects); diff != "" {
			t.Errorf("(-expressions +constants):\n%s", diff)
		}
	})
}

// A policy may use all of CUE: its values are constants only if they mean what its expressions do.
func TestPoliciesRenderAsTheirExpressions(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]string{
		"literals": `policy: security: pod: {a: 1.5e3, b: -1.50, c: 0x10, d: 10Gi, e: 123456789012345678901234567890, f: null, g: 'x\xff', h: [[], {}]}
policy: annotations: {"_a": "x", "#b": #"raw \n"#, null: "\r\n\u2028", c: """
	two
	  lines
	"""}`,
		"a conflict with each render":     `policy: labels: "app.kubernetes.io/instance": "mine"`,
		"a conflict with the templates":   `policy: labels: "app.kubernetes.io/name": "mine"`,
		"a default":                       `policy: labels: "app.kubernetes.io/instance": *"mine" | string`,
		"a default that is replaced":      "_base: {a: *1 | int}\n#Mine: _base & {a: 2}",
		"a default of an incomplete one":  "_base: {a: *1 | int}\n_mine: _base & {a: 2, b: string}",
		"a hidden field of a value":       "_site: _stage: \"prod\"\nif _site._stage == \"prod\" {policy: labels: stage: \"prod\"}",
		"no hidden field of a value":      "_site: _stage: \"prod\"\nif _site._stage == _|_ {policy: labels: stage: \"dev\"}",
		"a variable":                      "_base: {a: \"x\"}\nlet Mine = _base\npolicy: labels: a: Mine.a",
		"an alias":                        "Site=_site: {stage: \"prod\"}\nif Site.stage == \"prod\" {policy: labels: stage: Site.stage}",
		"an import that it does not need": "policy: labels: a: strings.ToLower(\"A\")",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module := edited(t, policyFile, func(content string) string {
				if strings.Contains(policy, "strings.") {
					content = strings.Replace(content, "package policy\n", "package policy\nimport \"strings\"\n", 1)
				}
				return content + policy
			})
			if diff := cmp.Diff(rendering(t, render.CompileExplainable, module), rendering(t, render.Compile, module)); diff != "" {
				t.Errorf("(-expressions +constants):\n%s", diff)
			}
		})
	}
}

// rendering returns the objects of a spec, or the text of an error in the templates.
func rendering(t *testing.T, compile func(fs.FS) (*render.Templates, error), module fs.FS) any {
	t.Helper()
	set, err := compile(module)
	if err != nil {
		return err.Error()
	}
	result, err := set.Render(typed(t, []byte(minimalSpec)), render.ProjectSettings{})
	if err != nil {
		return err.Error()
	}
	return result.Objects
}

// explainableOf is templatesOf without constants.
func explainableOf(t *testing.T, fixture []byte) *render.Templates {
	t.Helper()
	if !policyLine.Match(fixture) {
		return explainable(t)
	}
	set, err := render.CompileExplainable(moduleOf(t, fixture))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTemplatesWithConstantsAreNotExplained(t *testing.T) {
	t.Parallel()
	result, err := compiled(t).Render(typed(t, []byte(minimalSpec)), render.ProjectSettings{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := result.Explain(); err == nil {
		t.Error("no error")
	}
	set, err := compiled(t).Explainable()
	if err != nil {
		t.Fatal(err)
	}
	if result, err = set.Render(typed(t, []byte(minimalSpec)), render.ProjectSettings{}); err != nil {
		t.Fatal(err)
	}
	if _, err := result.Explain(); err != nil {
		t.Error(err)
	}
}
