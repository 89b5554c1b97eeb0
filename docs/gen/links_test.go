package main

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"unicode"
)

// Every link between files of the repository has a target, and every anchor a heading. The
// walkthrough's files are links.
func TestLinksHaveTargets(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	for page, text := range readPages(t, root) {
		for _, link := range links(text) {
			if problem := checkLink(root, page, link); problem != "" {
				t.Errorf("%s: link %s: %s", page, link, problem)
			}
		}
	}
}

// readPages returns the pages of the documentation, by path.
func readPages(t *testing.T, root fs.FS) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "*/README.md"} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			pages[name] = contents(t, root, name)
		}
	}
	if len(pages) < 40 {
		t.Fatalf("only %d pages", len(pages))
	}
	return pages
}

// checkLink returns what is wrong with a link of a page, or "".
func checkLink(root fs.FS, page, link string) string {
	target, anchor, _ := strings.Cut(link, "#")
	file := page
	if target != "" {
		file = path.Join(path.Dir(page), target)
	}
	info, err := fs.Stat(root, file)
	if err != nil {
		return "no such file"
	}
	if anchor == "" || info.IsDir() {
		return ""
	}
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") && slug(heading) == anchor {
			return ""
		}
	}
	return "no such heading"
}

// links returns the targets of a page's links that are not URLs.
func links(page string) []string {
	var targets []string
	for _, part := range strings.Split(page, "](")[1:] {
		target, _, ok := strings.Cut(part, ")")
		if ok && !strings.Contains(target, "://") {
			targets = append(targets, target)
		}
	}
	return targets
}

// slug returns the anchor of a heading, as GitHub derives it.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}
