// Package golden compares the results of tests with expected ones. A case is an archive in testdata: its last file is the
// expected result, and those before it are the input. The flag -update rewrites the expected results.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata") //nolint:gochecknoglobals // A flag of tests.

// Case is one archive.
type Case struct {
	// Name is the archive's, without its extension.
	Name string
	*txtar.Archive

	path string
}

// Cases returns the archives that a pattern matches. A new one may lack the result, which is then an empty file of this name.
func Cases(tb testing.TB, pattern, result string) []Case {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		tb.Fatalf("listing %s: %v, %d files", pattern, err, len(paths))
	}
	cases := make([]Case, 0, len(paths))
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		if last := len(archive.Files) - 1; last < 0 || archive.Files[last].Name != result {
			archive.Files = append(archive.Files, txtar.File{Name: result})
		}
		cases = append(cases, Case{strings.TrimSuffix(filepath.Base(path), ".txtar"), archive, path})
	}
	return cases
}

// Input returns the first file.
func (c Case) Input() []byte { return c.Files[0].Data }

// Compare compares a result with the expected one, or replaces that with -update.
func (c Case) Compare(tb testing.TB, got string) {
	tb.Helper()
	expected := &c.Files[len(c.Files)-1]
	if *update {
		expected.Data = []byte(got)
		if err := os.WriteFile(c.path, txtar.Format(c.Archive), 0o600); err != nil {
			tb.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(expected.Data), got); diff != "" {
		tb.Errorf("%s of %s (-want +got), which -update rewrites:\n%s", expected.Name, c.path, diff)
	}
}
