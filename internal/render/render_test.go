package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

var update = flag.Bool("update", false, "rewrite goldens and examples with what is rendered now")

// templates compiles the repository's templates once for all tests.
var templates = sync.OnceValues(func() (*render.Templates, error) { return render.Compile(nufi.Module()) })

func compiled(tb testing.TB) *render.Templates {
	tb.Helper()
	set, err := templates()
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// explainableTemplates are the same for explanations.
var explainableTemplates = sync.OnceValues(func() (*render.Templates, error) { return render.CompileExplainable(nufi.Module()) })

func explainable(tb testing.TB) *render.Templates {
	tb.Helper()
	set, err := explainableTemplates()
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

const inputName = "npudeploy.yaml"

// Each golden is a spec, perhaps with the Project of its namespace, and its manifests and
// resolved values, or its violations.
func TestGoldensRenderAsWritten(t *testing.T) {
	for _, file := range glob(t, "testdata/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := txtar.Format(golden)
			settings, inputs := settingsIn(t, golden)
			golden.Files = append(golden.Files[:inputs], outcome(t, golden.Files[0].Data, settings)...)
			got := txtar.Format(golden)
			if *update {
				write(t, file, got)
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// outcome returns the files of a golden after the spec.
func outcome(tb testing.TB, spec []byte, settings render.ProjectSettings) []txtar.File {
	tb.Helper()
	result, err := templatesOf(tb, spec).RenderYAML(inputName, spec, settings)
	if err != nil {
		return []txtar.File{{Name: "violations", Data: []byte(violationLines(tb, err, true))}}
	}
	resolved, err := yaml.Marshal(result.Resolved)
	if err != nil {
		tb.Fatal(err)
	}
	return []txtar.File{{Name: "manifests.yaml", Data: manifests(tb, &result.Manifests)}, {Name: "resolved.yaml", Data: resolved}}
}

func TestGoldensRenderTheSameByRenderAndRenderYAML(t *testing.T) {
	for _, file := range glob(t, "testdata/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			spec, settings := inputsOf(t, file)
			set := templatesOf(t, spec)
			fromFile, fileErr := set.RenderYAML(inputName, spec, settings)
			fromServer, serverErr := set.Render(typed(t, spec), settings)
			if diff := cmp.Diff(summary(t, fromFile, fileErr), summary(t, fromServer, serverErr)); diff != "" {
				t.Errorf("(-RenderYAML +Render):\n%s", diff)
			}
		})
	}
}

// Neither parallel renders nor the order of Go maps change the output.
func TestGoldensRenderTheSameInParallel(t *testing.T) {
	const times, workers = 20, 4
	for _, file := range glob(t, "testdata/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			spec, settings := inputsOf(t, file)
			set, deploy := templatesOf(t, spec), typed(t, spec)
			result, err := set.Render(deploy, settings)
			want := summary(t, result, err)
			var group sync.WaitGroup
			for range workers {
				group.Go(func() {
					for range times / workers {
						result, err := set.Render(deploy, settings)
						if got := summary(t, result, err); got != want {
							t.Errorf("(-first +this):\n%s", cmp.Diff(want, got))
						}
					}
				})
			}
			group.Wait()
		})
	}
}

// summary returns the result without positions as text.
func summary(tb testing.TB, result *render.Result, err error) string {
	tb.Helper()
	if err != nil {
		return violationLines(tb, err, false)
	}
	content, err := json.MarshalIndent([]any{result.Objects, result.Resolved}, "", " ")
	if err != nil {
		tb.Error(err)
	}
	return string(content)
}

// violationLines returns the violations, one a line, with their positions if positions is true.
func violationLines(tb testing.TB, err error, positions bool) string {
	tb.Helper()
	var invalid *render.Error
	if !errors.As(err, &invalid) {
		tb.Errorf("this is not an error of the spec: %v", err)
		return err.Error()
	}
	var lines strings.Builder
	for _, violation := range invalid.Violations {
		if positions && violation.Position.IsValid() {
			lines.WriteString(violation.Position.String() + ": ")
		}
		lines.WriteString(violation.String() + "\n")
	}
	return lines.String()
}

// manifests returns YAML documents in apply order, as `nufi render` prints them.
func manifests(tb testing.TB, result *render.Manifests) []byte {
	tb.Helper()
	documents := make([][]byte, 0, len(result.Objects))
	for _, object := range result.Objects {
		document, err := yaml.Marshal(object.Object)
		if err != nil {
			tb.Error(err)
		}
		documents = append(documents, document)
	}
	return bytes.Join(documents, []byte("---\n"))
}

func specOf(tb testing.TB, golden string) []byte {
	tb.Helper()
	spec, _ := inputsOf(tb, golden)
	return spec
}

func inputsOf(tb testing.TB, golden string) ([]byte, render.ProjectSettings) {
	tb.Helper()
	archive, err := txtar.ParseFile(golden)
	if err != nil {
		tb.Fatal(err)
	}
	settings, _ := settingsIn(tb, archive)
	return archive.Files[0].Data, settings
}

// settingsIn returns the settings of the Project in a golden, if it has one, and the number of
// input files.
func settingsIn(tb testing.TB, golden *txtar.Archive) (settings render.ProjectSettings, inputs int) {
	tb.Helper()
	if len(golden.Files) < 2 || golden.Files[1].Name != "project.yaml" {
		return render.ProjectSettings{}, 1
	}
	project := &v1.Project{}
	if err := yaml.UnmarshalStrict(golden.Files[1].Data, project); err != nil {
		tb.Fatal(err)
	}
	return render.SettingsOf(project), 2
}

// typed decodes the spec as the API server returns it.
func typed(tb testing.TB, spec []byte) *v1.NpuDeploy {
	tb.Helper()
	deploy := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: "default"}}
	if err := yaml.UnmarshalStrict(spec, deploy); err != nil {
		tb.Fatal(err)
	}
	return deploy
}

func glob(tb testing.TB, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		tb.Fatalf("nothing matches %s", pattern)
	}
	return files
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

func write(tb testing.TB, file string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}
