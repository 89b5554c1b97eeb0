package render

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// minShared is the length of a struct or a list from which on it is shared.
const minShared = 64

// literals are the constants of a package. They share equal parts, which saves a fifth of the memory of compiled templates:
// {a: {...}, b: {...}} becomes {_0: {...}, a: _0, b: _0}.
type literals struct {
	ast.File

	shared map[string]string    // name of the hidden field by the text of its literal
	labels map[string]ast.Label // by name, for all fields
}

func (l *literals) add(label ast.Label, value ast.Expr) {
	l.Decls = append(l.Decls, &ast.Field{Label: label, Value: value})
}

// of returns a value as a literal, and the literal's text.
func (l *literals) of(value cue.Value) (literal ast.Expr, text string) {
	var parts []string
	switch value.Kind() { //nolint:exhaustive // All others have no parts.
	case cue.StructKind:
		literal := &ast.StructLit{}
		for fields, _ := value.Fields(); fields.Next(); {
			name := fields.Selector().Unquoted()
			field, text := l.of(fields.Value())
			literal.Elts = append(literal.Elts, &ast.Field{Label: l.label(name), Value: field})
			parts = append(parts, fmt.Sprintf("%q: %s", name, text))
		}
		return l.share(literal, "{"+strings.Join(parts, ", ")+"}")
	case cue.ListKind:
		literal := &ast.ListLit{}
		for items, _ := value.List(); items.Next(); {
			item, text := l.of(items.Value())
			literal.Elts = append(literal.Elts, item)
			parts = append(parts, text)
		}
		return l.share(literal, "["+strings.Join(parts, ", ")+"]")
	}
	if scalar := scalarOf(value); scalar != nil {
		scalar.ValuePos = value.Pos() // for errors
		return scalar, scalar.Value
	}
	literal, _ = value.Syntax(cue.Final()).(ast.Expr)
	return literal, fmt.Sprint(value)
}

// scalarOf returns a text, a boolean or a number without a sign as a literal, and nil for others. Syntax returns it for
// any value, and takes ten times as long.
func scalarOf(value cue.Value) *ast.BasicLit {
	switch value.Kind() { //nolint:exhaustive // Others are rare.
	case cue.StringKind:
		text, _ := value.String()
		return ast.NewString(text)
	case cue.BoolKind:
		isTrue, _ := value.Bool()
		return ast.NewBool(isTrue)
	case cue.IntKind:
		if number, err := value.Uint64(); err == nil {
			return ast.NewLit(token.INT, strconv.FormatUint(number, 10))
		}
	}
	return nil
}

func (l *literals) label(name string) ast.Label {
	if l.labels[name] == nil {
		l.labels[name] = ast.NewString(name)
	}
	return l.labels[name]
}

// share returns a reference to a hidden field instead of a large literal.
func (l *literals) share(literal ast.Expr, text string) (ast.Expr, string) {
	if len(text) < minShared {
		return literal, text
	}
	name, isShared := l.shared[text]
	if !isShared {
		name = fmt.Sprint("_", len(l.shared))
		l.shared[text] = name
		l.add(ast.NewIdent(name), literal)
	}
	return ast.NewIdent(name), name
}
