package render

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
	"k8s.io/apimachinery/pkg/api/resource"
)

// canonicalQuantities rewrites the quantities of a spec as the API server returns them (2
// becomes "2", 1000m becomes "1"), so that a file renders to the same bytes as the object
// that is created from it.
func canonicalQuantities(spec ast.Node) {
	var path []string
	ast.Walk(spec, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Field:
			name, _, _ := ast.LabelName(node.Label)
			path = append(path, name)
		case *ast.UnaryExpr:
			return false // A negative number has no canonical text.
		case *ast.BasicLit:
			if isQuantity(path) {
				canonicalQuantity(node)
			}
		}
		return true
	}, func(node ast.Node) {
		if _, ok := node.(*ast.Field); ok {
			path = path[:len(path)-1]
		}
	})
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

// canonicalQuantity ignores an invalid quantity, which the contract rejects.
func canonicalQuantity(value *ast.BasicLit) {
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
