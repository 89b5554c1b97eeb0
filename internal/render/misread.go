package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
	"sigs.k8s.io/yaml"
)

// misreadings returns the values that Kubernetes reads otherwise than CUE. Of two fields of
// one name Kubernetes takes the last, and CUE unifies them; a bare yes, no, on or off is a
// boolean and a bare 08 a number in Kubernetes, and a string in CUE.
func misreadings(object ast.Expr, document []byte) []Violation {
	var kube any
	if err := yaml.Unmarshal(document, &kube, asWritten); err != nil {
		return []Violation{{Message: oneLine("Kubernetes cannot read it: " + err.Error())}}
	}
	var found misread
	found.compare(nil, object, kube)
	sortViolations(found)
	return found
}

// asWritten keeps a number's digits: a float would be printed as 8.21234567e+08.
func asWritten(decoder *json.Decoder) *json.Decoder {
	decoder.UseNumber()
	return decoder
}

type misread []Violation

func (m *misread) compare(path []string, node ast.Expr, kube any) {
	switch node := node.(type) {
	case *ast.StructLit:
		m.compareFields(path, node, kube)
	case *ast.ListLit:
		list, _ := kube.([]any)
		for i, element := range node.Elts {
			if i < len(list) {
				m.compare(append(path, strconv.Itoa(i)), element, list[i])
			}
		}
	case *ast.BasicLit:
		if isReadOtherwise(node, kube) {
			text := strings.Trim(strings.TrimPrefix(node.Value, hugeNumber), `"`)
			m.add(path, node, fmt.Sprintf("Kubernetes reads %s as %v: write %[2]v, or %[1]q", text, kube))
		}
	}
}

// hugeNumber precedes a number of more than 64 bits in the literal that CUE's YAML parser
// returns for it.
const hugeNumber = "number & "

func isReadOtherwise(literal *ast.BasicLit, kube any) bool {
	switch kube := kube.(type) {
	case bool:
		return literal.Value != strconv.FormatBool(kube)
	case json.Number:
		return literal.Kind == token.STRING || strings.HasPrefix(literal.Value, hugeNumber)
	}
	return false
}

func (m *misread) compareFields(path []string, object *ast.StructLit, kube any) {
	fields, _ := kube.(map[string]any)
	seen := map[string]bool{}
	for _, element := range slices.Backward(object.Elts) { // The last one wins.
		field, ok := element.(*ast.Field)
		if !ok {
			continue
		}
		name, _, err := ast.LabelName(field.Label)
		if err != nil {
			continue
		}
		below := append(slices.Clone(path), name)
		if seen[name] {
			m.add(below, field.Label, "is given twice")
			continue
		}
		seen[name] = true
		value, found := fields[name]
		if !found && fields != nil {
			m.add(below, field.Label, "Kubernetes reads another name without quotation marks")
			continue
		}
		m.compare(below, field.Value, value)
	}
}

func (m *misread) add(path []string, node ast.Node, message string) {
	*m = append(*m, Violation{
		Path: userPath(path, newPlaceholders(nil)), Message: message, Position: userPosition(node.Pos().Position()),
	})
}
