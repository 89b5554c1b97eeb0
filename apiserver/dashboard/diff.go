package dashboard

import (
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// diffOf returns the difference from the current spec to the text of a page.
func diffOf(current string, page *editorPage) string {
	var object map[string]any
	text := []byte(page.YAML)
	if err := yaml.Unmarshal(text, &object); err == nil && object != nil {
		metadata, ok := object["metadata"].(map[string]any)
		if !ok {
			metadata = map[string]any{}
		}
		metadata["name"], metadata["namespace"] = page.Name, page.Namespace
		object["apiVersion"], object["kind"], object["metadata"] = v1.GroupVersion().String(), v1.Kind, metadata
		if normal, err := yaml.Marshal(object); err == nil {
			text = normal // the same format as that of the current spec
		}
	}
	return string(diff.Diff("current", []byte(current), "yours", text))
}

// diffLine is a line of a difference. Its kind is +, - or empty.
type diffLine struct{ Kind, Text string }

// diffLines returns the lines of a unified diff of one file, without the command.
func diffLines(text string) []diffLine {
	var lines []diffLine
	inHunk := false
	for line := range strings.Lines(text) {
		inHunk = inHunk || strings.HasPrefix(line, "@@")
		switch {
		case !inHunk && strings.HasPrefix(line, "diff "):
		case inHunk && (line[0] == '+' || line[0] == '-'):
			lines = append(lines, diffLine{line[:1], line})
		default:
			lines = append(lines, diffLine{Text: line})
		}
	}
	return lines
}
