package render

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
	"k8s.io/apimachinery/pkg/api/resource"
)

// normalize rewrites the scalars of object, as CUE reads it, to content, the same text as
// Kubernetes reads it: 4.0 becomes 4, and the quantity 1000m "1", so that a file renders to
// the same bytes as the object that is created from it. It returns a violation where the two
// differ in meaning: of two fields of one name Kubernetes takes the last, and CUE unifies
// them; a bare yes, no, on or off is a boolean and a bare 08 a number in Kubernetes, and a
// string in CUE.
func normalize(object ast.Expr, content any) []Violation {
	var n normalizer
	n.compare(nil, object, content)
	sortViolations(n.violations)
	return n.violations
}

// useNumber keeps a number's digits: a float would be printed as 8.21234567e+08.
func useNumber(decoder *json.Decoder) *json.Decoder {
	decoder.UseNumber()
	return decoder
}

type normalizer struct{ violations []Violation }

func (n *normalizer) compare(path []string, node ast.Expr, content any) {
	switch node := node.(type) {
	case *ast.StructLit:
		n.compareFields(path, node, content)
	case *ast.ListLit:
		list, _ := content.([]any)
		for i, element := range node.Elts {
			if i < len(list) {
				n.compare(append(path, strconv.Itoa(i)), element, list[i])
			}
		}
	case *ast.UnaryExpr: // a negative number
		if number, ok := content.(json.Number); ok {
			if value, ok := node.X.(*ast.BasicLit); ok {
				setNumber(value, json.Number(strings.TrimPrefix(string(number), "-")))
			}
		}
	case *ast.BasicLit:
		n.compareScalar(path, node, content)
	}
}

func (n *normalizer) compareScalar(path []string, value *ast.BasicLit, content any) {
	if value.Kind != token.STRING && isTooLarge(content) {
		text := strings.TrimPrefix(value.Value, hugeNumber)
		n.add(path, value, text+" is too large for a number of 64 bits: write a smaller number, or "+strconv.Quote(text)+" if it is a text")
		return
	}
	if isReadOtherwise(value, content) {
		text := strings.Trim(value.Value, `"`)
		n.add(path, value, fmt.Sprintf("Kubernetes reads %s as %v: write %[2]v, or %[1]q", text, content))
		return
	}
	if number, ok := content.(json.Number); ok {
		setNumber(value, number)
	}
	if !isQuantity(path) {
		return
	}
	if value.Kind != token.FLOAT {
		setQuantity(value)
	} else if strings.Contains(path[len(path)-1], "/") { // an extended resource
		n.add(path, value, "must be a whole number")
	} else if quantity, err := resource.ParseQuantity(value.Value); err == nil {
		n.add(path, value, fmt.Sprintf("must not be a fraction without quotation marks: write %q or %s", value.Value, quantity.String()))
	}
}

// hugeNumber precedes a number of more than 64 bits in the literal that CUE's YAML parser
// returns for it.
const hugeNumber = "number & "

// isTooLarge reports whether Kubernetes cannot store a number.
func isTooLarge(content any) bool {
	number, ok := content.(json.Number)
	if !ok {
		return false
	}
	value, err := number.Float64()
	return err != nil || math.Abs(value) > math.MaxInt64
}

func isReadOtherwise(value *ast.BasicLit, content any) bool {
	switch content := content.(type) {
	case bool:
		return value.Value != strconv.FormatBool(content)
	case json.Number:
		return value.Kind == token.STRING
	}
	return false
}

// setNumber turns a literal such as 4.0, 4e0 or +4 into the whole number that it is.
func setNumber(value *ast.BasicLit, number json.Number) {
	if _, err := number.Int64(); err == nil {
		value.Kind, value.Value = token.INT, number.String()
	}
}

func isQuantity(path []string) bool {
	if len(path) < 3 {
		return false
	}
	grandparent, parent, name := path[len(path)-3], path[len(path)-2], path[len(path)-1]
	return grandparent == "resources" && (parent == "limits" || parent == "requests") ||
		grandparent == "spec" && parent == "quota" ||
		parent == "emptyDir" && name == "sizeLimit" ||
		parent == "resourceFieldRef" && name == "divisor"
}

// setQuantity gives a quantity the form in which the API server returns it. It ignores an
// invalid quantity, which the contract rejects.
func setQuantity(value *ast.BasicLit) {
	text := value.Value
	if !slices.Contains([]token.Token{token.INT, token.STRING}, value.Kind) {
		return
	}
	if unquoted, err := literal.Unquote(text); err == nil {
		text = unquoted
	}
	if quantity, err := resource.ParseQuantity(text); err == nil {
		value.Kind, value.Value = token.STRING, literal.String.Quote(quantity.String())
	}
}

func (n *normalizer) compareFields(path []string, object *ast.StructLit, content any) {
	fields, _ := content.(map[string]any)
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
		fieldPath := append(slices.Clone(path), name)
		if seen[name] {
			n.add(fieldPath, field.Label, "is given twice")
			continue
		}
		seen[name] = true
		value, found := fields[name]
		if !found && fields != nil {
			n.add(fieldPath, field.Label, "Kubernetes reads another name without quotation marks")
			continue
		}
		n.compare(fieldPath, field.Value, value)
	}
}

func (n *normalizer) add(path []string, node ast.Node, message string) {
	n.violations = append(n.violations, Violation{
		Path: userPath(path, newPlaceholders(nil)), Message: message, Position: userPosition(node.Pos().Position()),
	})
}
