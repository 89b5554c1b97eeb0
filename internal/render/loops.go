package render

import (
	"maps"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
)

// loops are the comprehensions `for word in list {word}` of a package, by their struct. CUE
// has no reference from an element that one yields to the element of the list, so that
// Explain evaluates the list again.
type loops map[ast.Node]ast.Expr

func newLoops(instance *build.Instance) loops {
	l := loops{}
	for _, file := range instance.Files {
		ast.Walk(file, func(node ast.Node) bool {
			if comprehension, ok := node.(*ast.Comprehension); ok {
				l.add(comprehension)
			}
			return true
		}, nil)
	}
	return l
}

func (l loops) add(comprehension *ast.Comprehension) {
	body, ok := comprehension.Value.(*ast.StructLit)
	if !ok || len(body.Elts) != 1 {
		return
	}
	embedded, ok := body.Elts[0].(*ast.EmbedDecl)
	if !ok {
		return
	}
	variable, ok := embedded.Expr.(*ast.Ident)
	if !ok {
		return
	}
	for _, clause := range comprehension.Clauses {
		if loop, ok := clause.(*ast.ForClause); ok && loop.Value != nil && loop.Value.Name == variable.Name {
			l[body] = loop.Source
		}
	}
}

// followLoop follows the element of a loop's list that value is a copy of: the one at index,
// if it is equal, or the first that is.
func (m *Manifests) followLoop(value cue.Value, index, hops int, sources map[Source]bool) bool {
	list, ok := m.evaluation.engine.loops[value.Source()]
	if !ok {
		return false
	}
	elements := m.elements(list)
	if index < len(elements) {
		elements = append(elements[index:index+1:index+1], elements...)
	}
	for _, element := range elements {
		if !element.Equals(value) {
			continue
		}
		nested := map[Source]bool{}
		m.follow(element, 0, hops, nested)
		// A literal of the list has no file here.
		maps.DeleteFunc(nested, func(source Source, _ bool) bool { return source.Kind == FromTemplate && source.Position.Filename == "" })
		maps.Copy(sources, nested)
		return len(nested) > 0
	}
	return false
}

// elements evaluates a list of the templates. Those elements of a literal are left out that
// refer to variables of another loop.
func (m *Manifests) elements(list ast.Expr) []cue.Value {
	expressions := []ast.Expr{list}
	literal, isLiteral := list.(*ast.ListLit)
	if isLiteral {
		expressions = literal.Elts
	}
	var all []cue.Value
	for _, expression := range expressions {
		comprehension, isComprehension := expression.(*ast.Comprehension)
		if isComprehension { // Only a list can have one.
			expression = ast.NewList(comprehension)
		}
		value, ok := m.evaluate(expression)
		switch {
		case ok && isLiteral && !isComprehension:
			all = append(all, value)
		case ok:
			for elements, err := value.List(); err == nil && elements.Next(); {
				all = append(all, elements.Value())
			}
		}
	}
	return all
}

// evaluate evaluates an expression of the templates after a render. The expression is parsed
// again, because its identifiers are resolved in their file.
func (m *Manifests) evaluate(expression ast.Expr) (cue.Value, bool) {
	text, err := format.Node(expression)
	if err != nil {
		return cue.Value{}, false
	}
	parsed, err := parser.ParseExpr("", text)
	if err != nil {
		return cue.Value{}, false
	}
	value := m.evaluation.engine.context.BuildExpr(parsed, cue.Scope(m.evaluation.value), cue.ImportPath(m.evaluation.engine.importPath))
	return value, value.Err() == nil
}
