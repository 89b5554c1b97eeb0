package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/dudaji/nufi"

// The tables of architecture.md list every package, and each imports only packages of the same
// row or of rows above it.
func TestPackagesImportOnlyThoseAboveThem(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := packageRows(string(page))
	for name, imports := range packages(t) {
		row, ok := rows[name]
		if !ok {
			t.Errorf("docs/architecture.md does not list %s", name)
		}
		for _, imported := range imports {
			if rows[imported] > row {
				t.Errorf("%s imports %s, which docs/architecture.md lists below it", name, imported)
			}
		}
	}
}

// packageRows returns the line on which the first column of a table names each package.
func packageRows(page string) map[string]int {
	rows := map[string]int{}
	quoted := regexp.MustCompile("`([^`]+)`")
	for i, line := range strings.Split(page, "\n") {
		if column, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && strings.HasPrefix(line, "| `") {
			for _, match := range quoted.FindAllStringSubmatch(column, -1) {
				rows[match[1]] = i
			}
		}
	}
	return rows
}

// packages returns the imports of each package, without those of other modules and tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		names := slices.DeleteFunc(strings.Fields(line), func(name string) bool { return !strings.HasPrefix(name, module) })
		for i, name := range names {
			names[i] = strings.TrimPrefix(strings.TrimPrefix(name, module), "/")
			if names[i] == "" {
				names[i] = "nufi"
			}
		}
		if !strings.HasPrefix(names[0], "test/") {
			found[names[0]] = names[1:]
		}
	}
	if len(found) < 50 {
		t.Fatalf("go list returned only %d packages", len(found))
	}
	return found
}
