package render_test

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// CUE evaluates the files of a package in the order of their names. On this depends the order of the fields of a struct, and
// of lists that are made of them; v0.17.1 even loses embedded fields in one order. A file that a platform team adds must not
// change what the others render. Of the servers, the order decides which of two matches an image.
func TestManifestsDoNotDependOnTheNamesOfFiles(t *testing.T) {
	renamed, folders := fstest.MapFS{}, map[string]int{}
	err := fs.WalkDir(nufi.Module(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(nufi.Module(), name)
		if folder := path.Dir(name); strings.HasPrefix(folder, "schemas/") && folder != "schemas/servers" {
			folders[folder]++
			name = fmt.Sprintf("%s/%03d_%s", folder, 1000-folders[folder], path.Base(name))
		}
		renamed[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	set := rendertest.Compile(t, renamed)
	ofEachFixture(t, "valid/*", func(t *testing.T, kind kind, file string) {
		t.Helper()
		if policyLine.Match(read(t, file)) {
			t.Skip("for another policy")
		}
		want, err := kind.render(compiled(t), read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := kind.render(set, read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(manifests(t, want)), string(manifests(t, got))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
