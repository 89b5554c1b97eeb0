package dashboard

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// parseYAML returns the mapping of a text with one document, and its value. An empty text is an
// empty mapping.
func parseYAML(text string) (*yamlv3.Node, any, error) {
	decoder := yamlv3.NewDecoder(strings.NewReader(text))
	document := &yamlv3.Node{}
	switch err := decoder.Decode(document); {
	case errors.Is(err, io.EOF):
		document = &yamlv3.Node{Kind: yamlv3.DocumentNode, Content: []*yamlv3.Node{{Kind: yamlv3.MappingNode}}}
	case err != nil:
		return nil, nil, err
	}
	if err := decoder.Decode(&yamlv3.Node{}); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("the text must have one document")
	}
	if document.Content[0].Kind != yamlv3.MappingNode {
		return nil, nil, errors.New("the text must be an object")
	}
	var value any
	err := document.Decode(&value) // rejects duplicate keys
	return document, value, err
}

// fieldOf returns the node of a field, or nil. It follows aliases.
func fieldOf(root *yamlv3.Node, path ...string) *yamlv3.Node {
	node := root
	for _, name := range path {
		if node, _ = childOf(node, name); node == nil {
			return nil
		}
		if node.Kind == yamlv3.AliasNode {
			node = node.Alias
		}
	}
	return node
}

// scalarOf returns the value of a field, and whether a form can change it: it is absent or a
// scalar.
func scalarOf(root *yamlv3.Node, path ...string) (value string, editable bool) {
	node := fieldOf(root, path...)
	switch {
	case node == nil || node.Tag == "!!null":
		return "", true
	case node.Kind != yamlv3.ScalarNode:
		return "", false
	default:
		return node.Value, true
	}
}

var errNotMapping = errors.New("its parent is not a mapping")

// setYAML returns the text with a field set to a scalar or a mapping, or without the field if
// value is nil. The rest of the text is kept as it is if that is possible; otherwise it is
// formatted anew, with its comments.
func setYAML(text string, value *yamlv3.Node, path ...string) (string, error) {
	document, _, err := parseYAML(text)
	if err != nil {
		return "", err
	}
	candidate := ""
	if lines := strings.SplitAfter(text, "\n"); lastLine(document) <= len(lines) { // A missing value may be on the line after the text.
		candidate = spliced(lines, document, value, path)
	}
	if err := setNode(document.Content[0], value, path); err != nil {
		return "", err
	}
	var formatted bytes.Buffer
	encoder := yamlv3.NewEncoder(&formatted)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(document); err != nil {
		return "", err
	}
	_, want, err := parseYAML(formatted.String())
	if err != nil {
		return "", err
	}
	if _, got, err := parseYAML(candidate); candidate != "" && err == nil && reflect.DeepEqual(got, want) {
		return candidate, nil
	}
	return formatted.String(), nil
}

// setNode sets a field below a mapping, with the mappings on the way to it. A mapping that
// becomes empty is removed, except spec and metadata.
func setNode(mapping, value *yamlv3.Node, path []string) error {
	if mapping.Kind == yamlv3.ScalarNode && mapping.Tag == "!!null" {
		mapping.Kind, mapping.Tag, mapping.Value = yamlv3.MappingNode, "", ""
	}
	if mapping.Kind != yamlv3.MappingNode {
		return errNotMapping
	}
	i := indexOf(mapping, path[0])
	if i < 0 && value == nil {
		return nil
	}
	if i < 0 {
		i = addKey(mapping, path[0])
	}
	before := mapping.Content[i+1]
	if len(path) > 1 {
		if err := setNode(before, value, path[1:]); err != nil {
			return err
		}
		if value == nil && isEmptyOption(path[0], before) {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
		}
		return nil
	}
	if value == nil {
		mapping.Content = slices.Delete(mapping.Content, i, i+2)
		return nil
	}
	value.HeadComment, value.LineComment, value.FootComment = before.HeadComment, before.LineComment, before.FootComment
	mapping.Content[i+1] = value
	return nil
}

func isEmptyOption(key string, value *yamlv3.Node) bool {
	return len(value.Content) == 0 && key != "spec" && key != "metadata"
}

// indexOf returns the index of a key in a mapping, or -1.
func indexOf(mapping *yamlv3.Node, name string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return i
		}
	}
	return -1
}

// addKey appends a key with an empty mapping, and returns its index.
func addKey(mapping *yamlv3.Node, name string) int {
	if len(mapping.Content) == 0 {
		mapping.Style = 0
	}
	key := &yamlv3.Node{Kind: yamlv3.ScalarNode, Value: name}
	mapping.Content = append(mapping.Content, key, &yamlv3.Node{Kind: yamlv3.MappingNode})
	return len(mapping.Content) - 2
}

// spliced returns the text of the lines with a field changed in its own line or lines, or "" if that is not
// possible. Only the caller's comparison shows that the result has the intended value.
func spliced(lines []string, document, value *yamlv3.Node, path []string) string {
	parent := document.Content[0]
	for len(path) > 1 {
		child, _ := childOf(parent, path[0])
		if child == nil || child.Kind != yamlv3.MappingNode || len(child.Content) == 0 {
			break
		}
		parent, path = child, path[1:]
	}
	i := indexOf(parent, path[0])
	switch {
	case i >= 0 && value == nil:
		return strings.Join(slices.Delete(lines, parent.Content[i].Line-1, lastLine(parent.Content[i+1])), "")
	case i >= 0:
		return splicedScalar(lines, parent.Content[i+1], value)
	case value == nil || len(parent.Content) == 0 || parent.Style&yamlv3.FlowStyle != 0:
		return ""
	default:
		return inserted(lines, parent, value, path)
	}
}

// inserted adds a field after the last line of a mapping in block style.
func inserted(lines []string, parent, value *yamlv3.Node, path []string) string {
	for _, name := range slices.Backward(path) {
		value = &yamlv3.Node{Kind: yamlv3.MappingNode, Content: []*yamlv3.Node{{Kind: yamlv3.ScalarNode, Value: name}, value}}
	}
	indent := strings.Repeat(" ", parent.Content[0].Column-1)
	added := indent + strings.ReplaceAll(strings.TrimSuffix(marshalNode(value), "\n"), "\n", "\n"+indent) + "\n"
	at := lastLine(parent)
	if !strings.HasSuffix(lines[at-1], "\n") {
		lines[at-1] += "\n"
	}
	return strings.Join(slices.Insert(lines, at, added), "")
}

// splicedScalar replaces a scalar that is within one line.
func splicedScalar(lines []string, before, value *yamlv3.Node) string {
	if before.Kind != yamlv3.ScalarNode || value.Kind != yamlv3.ScalarNode || before.Line == 0 {
		return ""
	}
	line := []rune(lines[before.Line-1])
	start := min(before.Column-1, len(line))
	head, tail := string(line[:start]), string(line[start:])
	token := before.Value
	if quote := tail[:min(1, len(tail))]; quote == `"` || quote == "'" {
		end := strings.Index(tail[1:], quote)
		if end < 0 {
			return ""
		}
		token = tail[:end+2]
	}
	rest, found := strings.CutPrefix(tail, token)
	if !found {
		return ""
	}
	if token == "" && !strings.HasSuffix(head, " ") {
		head += " "
	}
	lines[before.Line-1] = head + strings.TrimSuffix(marshalNode(value), "\n") + rest
	return strings.Join(lines, "")
}

func lastLine(node *yamlv3.Node) int {
	last := node.Line
	for _, child := range node.Content {
		last = max(last, lastLine(child))
	}
	return last
}

// marshalNode returns a node as YAML, or "" if it has none.
func marshalNode(node *yamlv3.Node) string {
	var text bytes.Buffer
	encoder := yamlv3.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return ""
	}
	return text.String()
}
