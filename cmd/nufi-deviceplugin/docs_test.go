package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/dudaji/nufi/deviceplugin/description"
)

const page = "../../docs/device-plugin.md"

func TestDocsListEachFlagReasonAndMetric(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	newCommand(nil).Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	names = append(names, reasons(t, "../../deviceplugin/probe/prober.go")...)
	names = append(names, reasons(t, "../../deviceplugin/health/status.go")...)
	for _, dir := range []string{"kubelet/metrics.go", "kubelet/state.go", "exporter/devices.go", "exporter/attribution.go"} {
		names = append(names, metrics(t, "../../deviceplugin/"+dir)...)
	}
	if len(names) < 25 {
		t.Errorf("only %d names were found", len(names))
	}
	for _, name := range names {
		if !strings.Contains(string(text), "\n| `"+name+"` |") {
			t.Errorf("%s has no row for %s", page, name)
		}
	}
}

// The facts and the description in the docs must be of one device.
func TestDescriptionInTheDocsIsValid(t *testing.T) {
	text, err := os.ReadFile("../../docs/adding-an-accelerator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	example, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("there is no description")
	}
	d, err := description.Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if facts := `resource: "` + d.Resource + `"`; !strings.Contains(string(text), facts) {
		t.Errorf("the facts do not have %s", facts)
	}
}

// metrics returns the names of metrics in a source file.
func metrics(t *testing.T, file string) []string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, match := range regexp.MustCompile(`"(nufi_deviceplugin_[a-z_]+)"`).FindAllSubmatch(source, -1) {
		names = append(names, string(match[1]))
	}
	return names
}

// reasons returns the untyped string constants of a source file.
func reasons(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, is := node.(*ast.ValueSpec)
		if !is || spec.Type != nil || len(spec.Values) != 1 {
			return true
		}
		if literal, is := spec.Values[0].(*ast.BasicLit); is && literal.Kind == token.STRING {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	return values
}
