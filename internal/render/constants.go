package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/token"
)

// withConstants returns the packages for another context, with the value of each field that has one instead of its
// expression: CUE keeps the expressions, and all that it evaluated for them, as long as the value. What the fields of
// a package are computed from can be explained without it only. The files of the packages are modified.
//
// This holds for the templates in this program, under a policy of constants. Others may read what a literal lacks: see
// havePlainPolicy.
func (p *packages) withConstants(context *cue.Context) *packages {
	result := newPackages(context)
	for instance, value := range p.values {
		result.constants[instance] = context.BuildFile(putConstants(instance, value))
	}
	return result
}

// havePlainPolicy reports whether the policy consists of fields with one value. Other declarations, such as definitions
// and comprehensions, may read hidden fields of a value, which its literal lacks, or replace a default.
func (p *packages) havePlainPolicy() bool {
	for instance, value := range p.values {
		for _, file := range instance.Files {
			isOther := func(decl ast.Decl) bool {
				return !isHeader(decl) && !hasOneValue(constantOf(value, nameOf(decl), instance))
			}
			if strings.HasSuffix(file.Filename, policyFile) && slices.ContainsFunc(file.Decls, isOther) {
				return false
			}
		}
	}
	return true
}

func isHeader(decl ast.Decl) bool {
	switch decl.(type) {
	case *ast.Package, *ast.ImportDecl, *ast.CommentGroup, *ast.Attribute:
		return true
	default:
		return false
	}
}

// hasOneValue is false for a value that has a default somewhere.
func hasOneValue(value cue.Value) bool {
	result := value.Exists()
	value.Walk(func(part cue.Value) bool {
		_, hasDefault := part.Default()
		result = result && !hasDefault
		return result
	}, nil)
	return result
}

// putConstants refers to the constants of a package in its scope, and returns them.
func putConstants(instance *build.Instance, value cue.Value) *ast.File {
	constants := literals{shared: map[string]string{}, labels: map[string]ast.Label{}}
	found := map[string]cue.Value{} // A field may be declared in many files.
	for _, file := range instance.Files {
		var kept []ast.Decl
		for _, decl := range file.Decls {
			name := nameOf(decl)
			constant, isFound := found[name]
			if !isFound {
				constant = constantOf(value, name, instance)
				found[name] = constant
			}
			switch {
			case !constant.Exists():
				kept = append(kept, decl)
			case !isFound:
				literal, _ := constants.of(constant)
				constants.put(ast.NewString(name), literal)
				reference := &ast.SelectorExpr{X: &ast.Ident{Name: instance.ImportPath}, Sel: ast.NewString(name)}
				kept = append(kept, &ast.Field{Label: ast.NewIdent(name), Value: reference})
			}
		}
		file.Decls = kept
	}
	return &constants.File
}

// nameOf returns the name of a field that is no definition and has no alias, or nothing.
func nameOf(decl ast.Decl) string {
	if field, ok := decl.(*ast.Field); ok && field.Alias == nil && !isDefinitionName(field.Label) {
		if label, ok := field.Label.(*ast.Ident); ok {
			return label.Name
		}
	}
	return ""
}

func isDefinitionName(label ast.Label) bool {
	name, _, err := ast.LabelName(label)
	return err == nil && (strings.HasPrefix(name, "#") || strings.HasPrefix(name, "_#"))
}

// constantOf returns the value of a field of a package, if it has one.
func constantOf(of cue.Value, name string, instance *build.Instance) cue.Value {
	if name == "" {
		return cue.Value{}
	}
	selector := cue.Str(name)
	if strings.HasPrefix(name, "_") {
		selector = cue.Hid(name, instance.ID())
	}
	if field := of.LookupPath(cue.MakePath(selector)); field.Validate(cue.Concrete(true)) == nil {
		return field
	}
	return cue.Value{}
}

// minShared is the length of the text from which on a struct or a list is shared by the values that have it.
const minShared = 64

// literals are the constants of a package, with hidden fields for the values that they share.
type literals struct {
	ast.File

	shared map[string]string    // name of the hidden field by the text of its literal
	labels map[string]ast.Label // by name, for all fields
}

func (l *literals) put(label ast.Label, value ast.Expr) {
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

// share returns a reference to a large literal instead of the literal.
func (l *literals) share(literal ast.Expr, text string) (ast.Expr, string) {
	if len(text) < minShared {
		return literal, text
	}
	name, isShared := l.shared[text]
	if !isShared {
		name = fmt.Sprint("_", len(l.shared))
		l.shared[text] = name
		l.put(ast.NewIdent(name), literal)
	}
	return ast.NewIdent(name), name
}
