package render_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

var (
	// sourceLine is a source in the comment at the head of a file: its key, its URL, and the
	// version, commit or month that it was read in.
	sourceLine = regexp.MustCompile(`^//\t([a-z0-9]+) +https://\S+ (v?[0-9]+(\.[0-9]+)+|r[0-9]+|[0-9]{4}-[0-9]{2}|[0-9a-f]{12,40})(: \S.*)?$`)
	// unsourced are the fields that name an accelerator or a server, or relate it to another one.
	unsourced = []string{"vendor", "product", "variantOf"}
)

// Sources are the keys in @source of a fact or of the struct that it is in. The key nufi is a
// choice of this project, for what a vendor does not publish.
func TestEachFactNamesItsSource(t *testing.T) {
	t.Parallel()
	for _, file := range slices.Concat(glob(t, "../../schemas/accelerators/*.cue"), glob(t, "../../schemas/servers/*.cue")) {
		if strings.HasSuffix(file, "accelerator.cue") || strings.HasSuffix(file, "index.cue") || strings.HasSuffix(file, "server.cue") {
			continue
		}
		for _, problem := range sourceProblems(t, file, read(t, file)) {
			t.Error(problem)
		}
	}
}

func TestFactWithoutSourceIsReported(t *testing.T) {
	t.Parallel()
	const head = "package a\n\n// A device. Sources:\n//\n//\tplugin   https://example.com/plugin v1.2.3: README.md\n"
	for name, test := range map[string]struct{ content, want string }{
		"source of a fact":       {head + `a: {vendor: "A", shmGiB: 0, lacks: [], resource: "a.com/b" @source(plugin)}`, ""},
		"source of a struct":     {head + `a: {b: {c: 1, d: [2]} @source(plugin, nufi)}`, ""},
		"no source":              {head + "a: {b: {c: 1}, d: 1 @source(plugin)}", "a.cue: c has no source"},
		"undeclared source":      {head + "a: {b: 1 @source(plugin), c: 1 @source(server)}", "a.cue: source server is not declared"},
		"unused source":          {head + "a: {b: 1 @source(nufi)}", "a.cue: source plugin is not used"},
		"source with no version": {strings.Replace(head, " v1.2.3", "", 1) + "a: {b: 1 @source(nufi)}", "a.cue: //\tplugin   https://example.com/plugin: README.md: want KEY URL VERSION"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(sourceProblems(t, "a.cue", []byte(test.content)), "; "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// sourceProblems returns the facts of a file without a source, and the sources that are not
// declared, not used or without a version.
func sourceProblems(t *testing.T, name string, content []byte) []string {
	t.Helper()
	file, err := parser.ParseFile(name, content, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"nufi": false}
	var problems []string
	for _, line := range strings.Split(string(content), "\n") {
		if match := sourceLine.FindStringSubmatch(line); match != nil {
			used[match[1]] = false
		} else if strings.HasPrefix(line, "//\t") {
			problems = append(problems, fmt.Sprintf("%s: %s: want KEY URL VERSION", name, line))
		}
	}
	declared := slices.Sorted(maps.Keys(used))
	ast.Walk(file, func(node ast.Node) bool {
		field, isField := node.(*ast.Field)
		if !isField {
			return true
		}
		label, _, _ := ast.LabelName(field.Label)
		sources, hasSource := sourcesOf(field)
		for _, key := range sources {
			if !slices.Contains(declared, key) {
				problems = append(problems, fmt.Sprintf("%s: source %s is not declared", name, key))
			}
			used[key] = true
		}
		if !hasSource && !slices.Contains(unsourced, label) && isFact(field.Value) {
			problems = append(problems, fmt.Sprintf("%s: %s has no source", name, label))
		}
		return !hasSource
	}, nil)
	for _, key := range declared {
		if key != "nufi" && !used[key] {
			problems = append(problems, fmt.Sprintf("%s: source %s is not used", name, key))
		}
	}
	return problems
}

func sourcesOf(field *ast.Field) (keys []string, hasSource bool) {
	for _, attribute := range field.Attrs {
		if body, isSource := strings.CutPrefix(attribute.Text, "@source("); isSource {
			hasSource = true
			for key := range strings.SplitSeq(strings.TrimSuffix(body, ")"), ",") {
				keys = append(keys, strings.TrimSpace(key))
			}
		}
	}
	return keys, hasSource
}

// isFact reports whether a value states something: types, references, and the values of an
// absent capability, such as 0 and [], do not.
func isFact(value ast.Expr) bool {
	switch value := value.(type) {
	case *ast.BasicLit:
		return !slices.Contains([]string{`0`, `""`, `false`}, value.Value)
	case *ast.ListLit:
		return len(value.Elts) > 0
	case *ast.Interpolation:
		return true
	}
	return false
}
