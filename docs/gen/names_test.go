package main

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// The names that pages mention exist: fields of the API, recorded series, and files of the bundle.
func TestPagesMentionNamesThatExist(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	pages := readPages(t, root)
	series := contents(t, root, "bundle/monitoring/rules/*.yaml")
	isField := func(name string) bool { return strings.Contains(pages["docs/api.md"], "| `"+name+"` |") }
	isSeries := func(name string) bool { return strings.Contains(series, name) }
	isFile := func(name string) bool {
		matches, err := fs.Glob(root, strings.TrimRight(name, "./"))
		return err == nil && len(matches) > 0
	}
	for _, mention := range []struct {
		what, pattern string
		exists        func(string) bool
	}{
		{"field", "`((?:spec|status)\\.[a-zA-Z.\\[\\]]+)`", isField},
		{"series", "\\b(nufi:[a-z0-9_]+:[a-z0-9_]+)", isSeries},
		{"file", "(?:^|[ (`])((?:bundle|build|test)/[\\w./*-]+)", isFile},
	} {
		names := regexp.MustCompile("(?m)" + mention.pattern)
		count := 0
		for page, text := range pages {
			for _, match := range names.FindAllStringSubmatch(text, -1) {
				count++
				if !mention.exists(match[1]) {
					t.Errorf("%s: there is no %s %s", page, mention.what, match[1])
				}
			}
		}
		if count < 5 {
			t.Errorf("the pages mention only %d names of the kind %s", count, mention.what)
		}
	}
}

func TestExamplesPageListsEachFolder(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../../examples")
	page := contents(t, root, "README.md")
	folders, err := fs.Glob(root, "*/manifests.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if name := path.Dir(folder); !strings.Contains(page, "["+name+"]("+name+")") {
			t.Errorf("examples/README.md does not list %s", name)
		}
	}
}

// contents returns the files that match a pattern.
func contents(t *testing.T, root fs.FS, pattern string) string {
	t.Helper()
	var all strings.Builder
	names, err := fs.Glob(root, pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
