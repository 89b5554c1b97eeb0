package render_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Each golden is a Project and its manifests or violations.
func TestProjectGoldensRenderAsWritten(t *testing.T) {
	for _, file := range glob(t, projects().goldens) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := txtar.Format(golden)
			spec := golden.Files[0].Data
			result, err := renderDocument(templatesOf(t, spec), spec)
			golden.Files = append(golden.Files[:1], projectOutcome(t, result, err))
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

func TestProjectGoldensRenderTheSameFromFileAndAPIServer(t *testing.T) {
	for _, file := range glob(t, projects().goldens) {
		spec := specOf(t, file)
		set, project := templatesOf(t, spec), &v1.Project{}
		if err := yaml.UnmarshalStrict(spec, project); err != nil {
			t.Fatal(err)
		}
		fromFile, fileErr := renderDocument(set, spec)
		fromServer, serverErr := set.RenderProject(project)
		want, got := projectOutcome(t, fromFile, fileErr), projectOutcome(t, fromServer, serverErr)
		if fileErr != nil { // Only a file has lines.
			want.Data, got.Data = []byte(violationLines(t, fileErr, false)), []byte(violationLines(t, serverErr, false))
		}
		if diff := cmp.Diff(string(want.Data), string(got.Data)); diff != "" {
			t.Errorf("%s (-file +server):\n%s", file, diff)
		}
	}
}

func projectOutcome(tb testing.TB, result *render.Manifests, err error) txtar.File {
	tb.Helper()
	if err != nil {
		return txtar.File{Name: "violations", Data: []byte(violationLines(tb, err, true))}
	}
	return txtar.File{Name: "manifests.yaml", Data: manifests(tb, result)}
}
