package render_test

import (
	"fmt"
	"path/filepath"
	"runtime"
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
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		for _, file := range glob(t, kind.fixtures+"/*/*.yaml") {
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
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
	})
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
