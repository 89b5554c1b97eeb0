package render_test

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/render"
)

const policyFile = "schemas/policy/policy.cue"

// templatesOf are the repository's templates under the policy that a fixture asks for.
func templatesOf(tb testing.TB, fixture []byte) *render.Templates {
	tb.Helper()
	if choice := header(fixture, policyLine); choice != "" {
		return underPolicy(tb, choice)
	}
	return compiled(tb)
}

// underPolicy compiles the repository's templates with other choices in policy.cue:
// each replaces the line that names the same field.
func underPolicy(tb testing.TB, choices ...string) *render.Templates {
	tb.Helper()
	return compile(tb, edited(tb, policyFile, func(policy string) string {
		for _, choice := range choices {
			policy = choose(tb, policy, choice)
		}
		return policy
	}))
}

func choose(tb testing.TB, policy, choice string) string {
	tb.Helper()
	name, _, _ := strings.Cut(choice, ":")
	lines := strings.Split(policy, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), name+":") {
			lines[i] = choice
			return strings.Join(lines, "\n")
		}
	}
	tb.Fatalf("policy.cue has no line for %s", name)
	return ""
}

func compile(tb testing.TB, module fs.FS) *render.Templates {
	tb.Helper()
	set, err := render.Compile(module)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// edited is the repository's module with another content in the files that match.
func edited(tb testing.TB, pattern string, edit func(content string) string) fs.FS {
	tb.Helper()
	module, edits := fstest.MapFS{}, 0
	err := fs.WalkDir(nufi.Module(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(nufi.Module(), name)
		if matches, _ := path.Match(pattern, name); matches {
			content, edits = []byte(edit(string(content))), edits+1
		}
		module[name] = &fstest.MapFile{Data: bytes.Clone(content)}
		return err
	})
	if err != nil || edits == 0 {
		tb.Fatalf("editing %s: %d files: %v", pattern, edits, err)
	}
	return module
}
