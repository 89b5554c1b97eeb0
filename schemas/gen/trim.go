package main

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// trim removes the description of each property that does not start with the
// property's own JSON name. Ours do (the house's rule, and Kubernetes' for new
// fields); those of the embedded core types mostly do not.
func trim(crd []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(crd, &doc); err != nil {
		return nil, err
	}
	trimNode(&doc)
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
	for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
		if node.Content[i].Value == "properties" {
			trimProperties(node.Content[i+1])
		}
	}
	for _, child := range node.Content {
		trimNode(child)
	}
}

func trimProperties(properties *yaml.Node) {
	for i := 0; i+1 < len(properties.Content); i += 2 {
		name, schema := properties.Content[i].Value, properties.Content[i+1]
		for j := 0; j+1 < len(schema.Content); j += 2 {
			if schema.Content[j].Value == "description" && !strings.HasPrefix(schema.Content[j+1].Value, name+" ") {
				schema.Content = append(schema.Content[:j], schema.Content[j+2:]...)
				break
			}
		}
	}
}
