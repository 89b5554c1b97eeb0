// Package rendertest edits the repository's templates for tests, and reads its examples.
package rendertest

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Edit returns a module with other contents of the files whose path matches the pattern. It fails if none does.
func Edit(tb testing.TB, module fs.FS, pattern string, edit func(name, content string) string) fs.FS {
	tb.Helper()
	changed, edits := fstest.MapFS{}, 0
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(module, name)
		if matches, _ := path.Match(pattern, name); matches {
			content, edits = []byte(edit(path.Base(name), string(content))), edits+1
		}
		changed[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil || edits == 0 {
		tb.Fatalf("editing %s: %d files: %v", pattern, edits, err)
	}
	return changed
}

// Compile compiles a module.
func Compile(tb testing.TB, module fs.FS) *render.Templates {
	tb.Helper()
	set, err := render.Compile(module)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// Replace compiles the repository's templates with another text in one file. It fails if the file does not have it.
func Replace(tb testing.TB, file, from, to string) *render.Templates {
	tb.Helper()
	return Compile(tb, Edit(tb, nufi.Module(), file, func(_, content string) string {
		if !strings.Contains(content, from) {
			tb.Fatalf("%s does not have %s", file, from)
		}
		return strings.Replace(content, from, to, 1)
	}))
}

// Examples returns the NpuDeploys of the examples.
func Examples(tb testing.TB) []*v1.NpuDeploy {
	tb.Helper()
	names, err := fs.Glob(nufi.Examples(), "examples/*/npudeploy.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	var deploys []*v1.NpuDeploy
	for _, name := range names {
		content, err := fs.ReadFile(nufi.Examples(), name)
		if err != nil {
			tb.Fatal(err)
		}
		for document := range strings.SplitSeq(string(content), "\n---\n") {
			deploy := &v1.NpuDeploy{}
			if err := yaml.Unmarshal([]byte(document), deploy); err != nil {
				tb.Fatal(err)
			}
			if deploy.Kind == v1.Kind {
				deploy.UID = types.UID(fmt.Sprint(name, len(deploys)))
				deploys = append(deploys, deploy)
			}
		}
	}
	return deploys
}
