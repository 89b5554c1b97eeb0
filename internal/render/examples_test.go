package render_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each example has the output of `nufi render` beside it.
func TestExamplesRenderToTheirManifests(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		for _, file := range glob(t, "../../examples/*/"+kind.example) {
			folder := filepath.Dir(file)
			t.Run(filepath.Base(folder), func(t *testing.T) {
				t.Parallel()
				result, err := kind.render(compiled(t), read(t, file))
				if err != nil {
					t.Fatal(err)
				}
				got, golden := manifests(t, result), filepath.Join(folder, "manifests.yaml")
				if *update {
					write(t, golden, got)
					return
				}
				if diff := cmp.Diff(string(read(t, golden)), string(got)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	})
}
