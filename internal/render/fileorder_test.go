package render_test

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// CUE evaluates the files of a package in the order of their names. On this depends the order of the fields of a struct, and
// of lists that are made of them; v0.17.1 even loses embedded fields in one order, and finds no value in others. A file that
// a platform team adds must not change what the others render. Of the servers, the order decides which of two matches an image.
func TestManifestsDoNotDependOnTheNamesOfFiles(t *testing.T) {
	for policy, module := range map[string]fs.FS{
		"of this module": nufi.Module(),
		"with a queue":   underPolicy(t, `labels: {}, queue: labels: {"kueue.x-k8s.io/queue-name": "gpus"}`),
	} {
		t.Run("policy "+policy, func(t *testing.T) { compareOrders(t, module) })
	}
}

func compareOrders(t *testing.T, module fs.FS) {
	t.Helper()
	given := rendertest.Compile(t, module)
	orders := map[string]*render.Templates{
		"opposite":          renamed(t, module, func(i int, _ string) string { return fmt.Sprintf("%03d", 1000-i) }),
		"second half first": renamed(t, module, func(_ int, name string) string { return strconv.FormatBool(name < "m") }),
	}
	ofEachFixture(t, "valid/*", func(t *testing.T, kind kind, file string) {
		t.Helper()
		if policyLine.Match(read(t, file)) {
			t.Skip("for another policy")
		}
		want, err := kind.render(given, read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		for order, set := range orders {
			got, err := kind.render(set, read(t, file))
			if err != nil {
				t.Errorf("%s: %v", order, err)
			} else if diff := cmp.Diff(string(manifests(t, want)), string(manifests(t, got))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", order, diff)
			}
		}
	})
}

// renamed compiles the templates with a prefix for each file, by its number in its folder and its name.
func renamed(t *testing.T, given fs.FS, prefix func(i int, name string) string) *render.Templates {
	t.Helper()
	module, folders := fstest.MapFS{}, map[string]int{}
	err := fs.WalkDir(given, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(given, name)
		if folder := path.Dir(name); strings.HasPrefix(folder, "schemas/") && folder != "schemas/servers" {
			folders[folder]++
			name = path.Join(folder, prefix(folders[folder], path.Base(name))+"_"+path.Base(name))
		}
		module[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rendertest.Compile(t, module)
}
