package render

import (
	"maps"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
)

// loops are the comprehensions `for word in list {word}` and `for field, value in struct {(field): value}` of a package
// and its imports, by the node of what they yield. The value may be a text: "\(value)". CUE has no reference from that to the element or the field, so that
// Explain evaluates the list or the struct again.
type loops map[ast.Node]loop

type loop struct {
	source   ast.Expr
	ofFields bool
}

func newLoops(instance *build.Instance) loops {
	l := loops{}
	for _, each := range withImports(instance) {
		for _, file := range each.Files {
			ast.Walk(file, func(node ast.Node) bool {
				if comprehension, ok := node.(*ast.Comprehension); ok {
					l.add(comprehension)
				}
				return true
			}, nil)
		}
	}
	return l
}

func (l loops) add(comprehension *ast.Comprehension) {
	body, ok := comprehension.Value.(*ast.StructLit)
	if !ok || len(body.Elts) != 1 {
		return
	}
	for _, clause := range comprehension.Clauses {
		clause, ok := clause.(*ast.ForClause)
		if !ok || clause.Value == nil {
			continue
		}
		switch yielded := body.Elts[0].(type) {
		case *ast.EmbedDecl:
			if isIdentifier(yielded.Expr, clause.Value) {
				l[body] = loop{source: clause.Source}
			}
		case *ast.Field:
			if label, ok := yielded.Label.(*ast.ParenExpr); ok && isIdentifier(label.X, clause.Key) && isIdentifier(uninterpolated(yielded.Value), clause.Value) {
				l[yielded] = loop{source: clause.Source, ofFields: true}
			}
		}
	}
}

// uninterpolated returns value of "\(value)", and other expressions as they are.
func uninterpolated(expression ast.Expr) ast.Expr {
	if text, ok := expression.(*ast.Interpolation); ok && len(text.Elts) == 3 {
		return text.Elts[1]
	}
	return expression
}

func isIdentifier(expression ast.Expr, identifier *ast.Ident) bool {
	found, ok := expression.(*ast.Ident)
	return ok && identifier != nil && found.Name == identifier.Name
}

// followLoop follows the element or the field that a loop copied to value: the element at the index, if it is equal, or
// the first that is.
func (m *Manifests) followLoop(value cue.Value, at place, hops int, sources map[Source]bool) bool {
	for _, original := range m.originals(value, at) {
		if !original.Equals(value) {
			continue
		}
		nested := map[Source]bool{}
		m.follow(original, place{}, hops, nested)
		// A literal of the list has no file here.
		maps.DeleteFunc(nested, func(source Source, _ bool) bool { return source.Kind == FromTemplate && source.Position.Filename == "" })
		maps.Copy(sources, nested)
		return len(nested) > 0
	}
	return false
}

// originals returns what a loop may have copied to value.
func (m *Manifests) originals(value cue.Value, at place) []cue.Value {
	loop, ok := m.evaluation.engine.loops[value.Source()]
	if !ok {
		return nil
	}
	if loop.ofFields {
		fields, _ := m.evaluate(loop.source, at.scope)
		selectors := value.Path().Selectors()
		return []cue.Value{fields.LookupPath(cue.MakePath(selectors[len(selectors)-1]))}
	}
	elements := m.elements(loop.source, at.scope)
	if at.index < len(elements) {
		elements = append(elements[at.index:at.index+1:at.index+1], elements...)
	}
	return elements
}

// elements evaluates a list of the templates. Those elements of a literal are left out that
// refer to variables of another loop.
func (m *Manifests) elements(list ast.Expr, scope cue.Value) []cue.Value {
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
		value, ok := m.evaluate(expression, scope)
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

// evaluate evaluates an expression of the templates after a render, in an instance of a definition, or otherwise in the
// package. The expression is parsed again, because its identifiers are resolved in their file.
func (m *Manifests) evaluate(expression ast.Expr, instance cue.Value) (cue.Value, bool) {
	text, err := format.Node(expression)
	if err != nil {
		return cue.Value{}, false
	}
	for _, scope := range []cue.Value{instance, m.evaluation.value} {
		if !scope.Exists() {
			continue
		}
		parsed, err := parser.ParseExpr("", text)
		if err != nil {
			return cue.Value{}, false
		}
		value := m.evaluation.engine.context.BuildExpr(parsed, cue.Scope(scope), cue.ImportPath(m.evaluation.engine.importPath))
		if value.Err() == nil {
			return value, true
		}
	}
	return cue.Value{}, false
}
