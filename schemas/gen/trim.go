package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// paragraph matches lines that are neither elements of a list nor indented.
var paragraph = regexp.MustCompile(`(?m)^[^\s*-].*(\n[^\s*-].*)+`)

// trim removes what Kubernetes' types contribute to the CRD:
//
//   - descriptions that do not start with the property's JSON name, as ours do;
//   - defaults, which a reader could not distinguish from values of the user. A key of a list needs a default or
//     must be required: it becomes required;
//   - the metadata that a template of a claim cannot have: the API server takes its labels and annotations.
//
// It joins the lines of each paragraph of descriptions, which `kubectl explain` wraps itself, and adds kubernetesBounds.
func trim(crd []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(crd, &doc); err != nil {
		return nil, err
	}
	trimNode(&doc)
	if err := kubernetesBounds().visit("", &doc); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString("---\n")
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func trimNode(node *yaml.Node) {
	if properties := value(node, "properties"); properties != nil {
		for i := 0; i+1 < len(properties.Content); i += 2 {
			trimProperty(properties.Content[i].Value, properties.Content[i+1])
		}
	}
	if keys, items := value(node, "x-kubernetes-list-map-keys"), value(node, "items"); keys != nil && items != nil {
		require(items, keys.Content)
	}
	if description := value(node, "description"); description != nil && description.Kind == yaml.ScalarNode {
		description.Value, description.Style = paragraph.ReplaceAllStringFunc(description.Value, func(lines string) string {
			return strings.ReplaceAll(lines, "\n", " ")
		}), 0
	}
	for _, child := range node.Content {
		trimNode(child)
	}
}

func trimProperty(name string, schema *yaml.Node) {
	if properties := value(schema, "properties"); name == "metadata" && properties != nil {
		for _, field := range []string{"finalizers", "name", "namespace"} {
			remove(properties, field)
		}
	}
	remove(schema, "default")
	if description := value(schema, "description"); description != nil && !strings.HasPrefix(description.Value, name+" ") {
		remove(schema, "description")
	}
}

// require makes fields of the schema required.
func require(schema *yaml.Node, fields []*yaml.Node) {
	required := value(schema, "required")
	if required == nil {
		required = &yaml.Node{Kind: yaml.SequenceNode}
		schema.Content = append(schema.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "required"}, required)
	}
	for _, field := range fields {
		if !slices.ContainsFunc(required.Content, func(n *yaml.Node) bool { return n.Value == field.Value }) {
			required.Content = append(required.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: field.Value})
		}
	}
}

// value returns a mapping's value for the key, or nil.
func value(mapping *yaml.Node, key string) *yaml.Node {
	if at := index(mapping, key); at >= 0 {
		return mapping.Content[at+1]
	}
	return nil
}

func remove(mapping *yaml.Node, key string) {
	if at := index(mapping, key); at >= 0 {
		mapping.Content = slices.Delete(mapping.Content, at, at+2)
	}
}

// index returns the position of the key in a mapping, or -1.
func index(mapping *yaml.Node, key string) int {
	for i := 0; mapping.Kind == yaml.MappingNode && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}
