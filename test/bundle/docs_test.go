package bundle_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dudaji/nufi/internal/cluster"
)

func TestOperationsPageExplainsEachReason(t *testing.T) {
	t.Parallel()
	root := repository(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := constants(t, filepath.Join(root, "schemas", "v1", "conditions.go"), "Reason")
	for _, reason := range reasons {
		if !strings.Contains(string(page), "\n| `"+reason+"` |") {
			t.Errorf("docs/operations.md has no row for %s", reason)
		}
	}
	if len(reasons) < 30 {
		t.Errorf("only %d reasons were found", len(reasons))
	}
}

func TestDocsExplainEachFlagAndMetric(t *testing.T) {
	t.Parallel()
	root := repository(t)
	for _, c := range []struct{ page, source, expression string }{
		{"operations.md", "cmd/nufi-controller/flags.go", `set\.\w+\(&f\.\w+, "([a-z-]+)"`},
		{"operations.md", "controller/metrics.go", `"(nufi_[a-z_]+)"`},
		{"api-server.md", "apiserver/rest/metrics.go", `"(nufi_[a-z_]+)"`},
	} {
		page, err := os.ReadFile(filepath.Join(root, "docs", c.page))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(c.source)))
		if err != nil {
			t.Fatal(err)
		}
		matches := regexp.MustCompile(c.expression).FindAllSubmatch(source, -1)
		if len(matches) < 3 {
			t.Errorf("%s: only %d were found", c.source, len(matches))
		}
		for _, match := range matches {
			if !regexp.MustCompile("(?m)^\\| `(--)?" + string(match[1]) + "` \\|").Match(page) {
				t.Errorf("docs/%s has no row for %s of %s", c.page, match[1], c.source)
			}
		}
	}
}

// repository returns the repository's root.
func repository(t *testing.T) string {
	t.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// constants returns the values of the string constants whose names have the prefix.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, is := node.(*ast.ValueSpec)
		if !is || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
		return true
	})
	return values
}
