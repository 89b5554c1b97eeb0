package render

import (
	"io/fs"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/cue/token"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// OpenUses are the places of a package where CUE decides before a value is complete. A shared render relies on the opposite:
// what depends on an open field stays incomplete, and what is complete is the same for each value of the field that causes no
// error. The places are
//
//   - a test of existence, x != _|_, takes an incomplete value for an absent one
//   - a default, *x | y, is chosen although a condition beside it is incomplete
//   - a pattern of fields, [x]: y, does not apply while x is incomplete
//   - functions that take values of any kind, such as list.Contains, compare incomplete elements
//
// Each may also be in a definition, which has other values in each instance.
type OpenUses struct {
	// tested are the paths of values that must not depend on an open field, but may have fields and elements that do.
	tested []valuePath
	// read are the paths of values that must not depend on an open field, with all that they contain.
	read []valuePath
	// unknown means that the package has defaults, or syntax that is not listed here.
	unknown bool
}

// valuePath is the path of a value in a package. anyField is each element of a list, and each field.
type valuePath []string

const anyField = "*"

// contains reports whether other is the value at p, or a part of it.
func (p valuePath) contains(other valuePath) bool {
	if len(other) < len(p) {
		return false
	}
	for i, field := range p {
		if field != other[i] && field != anyField && other[i] != anyField {
			return false
		}
	}
	return true
}

// Decide reports whether one of the places may decide by a name or a host in the shared render of deploy, if it has one.
func (u *OpenUses) Decide(set *Templates, deploy *v1.NpuDeploy, settings ProjectSettings) bool {
	in, err := set.openInput(deploy, settings)
	if err != nil || !u.concern(dependentsIn(set.workload.fill(in, settings), valuePath{})) {
		return err != nil
	}
	result, err := set.Render(deploy, settings)
	return err == nil && set.share(deploy, result, settings, nil).objects != nil
}

// concern reports whether one of the places may concern one of the values that depend on an open field.
func (u *OpenUses) concern(dependents []valuePath) bool {
	return u.unknown || slices.ContainsFunc(dependents, func(path valuePath) bool {
		return slices.ContainsFunc(u.tested, path.contains) || slices.ContainsFunc(u.read, func(read valuePath) bool {
			return path.contains(read) || read.contains(path)
		})
	})
}

// NewOpenUses reads the syntax of the package that renders NpuDeploys.
func NewOpenUses(module fs.FS) *OpenUses {
	instance := load.Instances([]string{workloadPackage}, loadConfig(module))[0]
	s := &openScan{paths: map[ast.Node]valuePath{}, expanding: map[ast.Node]bool{}}
	for _, file := range instance.Files {
		for _, decl := range file.Decls {
			s.placeDecl(decl, valuePath{})
		}
	}
	for _, file := range instance.Files {
		ast.Walk(file, s.visit, nil)
	}
	return &s.OpenUses
}

type openScan struct {
	OpenUses

	// paths are those of the structs whose fields other expressions find by their paths.
	paths map[ast.Node]valuePath
	// expanding are the nodes that values is called for.
	expanding map[ast.Node]bool
}

func (s *openScan) placeDecl(decl ast.Node, path valuePath) {
	switch decl := decl.(type) {
	case *ast.Field:
		name, _, err := ast.LabelName(decl.Label)
		if err != nil {
			name = anyField
		}
		field := append(slices.Clone(path), name)
		if isOfDefinition(decl.Value) && !slices.Equal(field, valuePath{fieldDeploy}) {
			s.read = append(s.read, field) // An instance, with the other declarations of the field.
		}
		s.place(decl.Value, field)
	case *ast.EmbedDecl:
		s.place(decl.Expr, path)
	case *ast.Comprehension:
		s.place(decl.Value, path)
	}
}

// place records the paths of the structs in an expression that is the value at path.
func (s *openScan) place(value ast.Node, path valuePath) {
	switch value := value.(type) {
	case *ast.StructLit:
		s.paths[value] = path
		for _, decl := range value.Elts {
			s.placeDecl(decl, path)
		}
	case *ast.ListLit:
		for _, element := range value.Elts {
			if comprehension, ok := element.(*ast.Comprehension); ok {
				s.place(comprehension.Value, append(slices.Clone(path), anyField))
				continue
			}
			s.place(element, append(slices.Clone(path), anyField))
		}
	case *ast.BinaryExpr:
		if value.Op == token.AND {
			s.place(value.X, path)
			s.place(value.Y, path)
		}
	}
}

// visit records what the places in a node concern.
func (s *openScan) visit(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.Field:
		if pattern, ok := node.Label.(*ast.ListLit); ok {
			s.readAll(pattern)
		}
	case *ast.StructLit:
		s.visitStruct(node)
	case *ast.UnaryExpr:
		s.unknown = s.unknown || node.Op == token.MUL
	case *ast.BinaryExpr:
		s.visitOperation(node)
	case *ast.CallExpr:
		if !isStrict(node.Fun) {
			s.readAll(node.Args...)
		}
	case *ast.Alias, *ast.PostfixAlias, *ast.TryClause, *ast.FallbackClause, *ast.PostfixExpr, *ast.Func:
		s.unknown = true
	}
	return true
}

func (s *openScan) readAll(values ...ast.Expr) {
	for _, value := range values {
		s.read = append(s.read, s.values(value)...)
	}
}

// visitOperation records a test, and reads the values that an instance of a definition has.
func (s *openScan) visitOperation(operation *ast.BinaryExpr) {
	switch op := operation.Op; {
	case op == token.EQL || op == token.NEQ:
		if isBottom(operation.Y) {
			s.test(operation.X)
		} else if isBottom(operation.X) {
			s.test(operation.Y)
		}
	case op == token.AND && (isOfDefinition(operation.X) || isOfDefinition(operation.Y)):
		s.readAll(operation)
	}
}

func isBottom(value ast.Expr) bool {
	if paren, ok := value.(*ast.ParenExpr); ok {
		return isBottom(paren.X)
	}
	_, ok := value.(*ast.BottomLit)
	return ok
}

// visitStruct reads the values of a struct with an embedded definition.
func (s *openScan) visitStruct(literal *ast.StructLit) {
	isInstance := func(decl ast.Decl) bool {
		embedded, ok := decl.(*ast.EmbedDecl)
		return ok && isOfDefinition(embedded.Expr)
	}
	if slices.ContainsFunc(literal.Elts, isInstance) {
		s.readAll(literal)
	}
}

// isOfDefinition reports whether a reference finds a definition or a field of one.
func isOfDefinition(reference ast.Expr) bool {
	switch reference := reference.(type) {
	case *ast.Ident:
		return isDefinitionName(reference)
	case *ast.SelectorExpr:
		return isDefinitionName(reference.Sel) || isOfDefinition(reference.X)
	}
	return false
}

// isStrict reports whether a function is incomplete if one of its arguments is, or if that is open.
func isStrict(function ast.Expr) bool {
	switch function := function.(type) {
	case *ast.Ident:
		return slices.Contains([]string{"len", "error", "div", "mod", "quo", "rem"}, function.Name)
	case *ast.SelectorExpr:
		name, _, _ := ast.LabelName(function.Sel)
		imported, _ := function.X.(*ast.Ident)
		if imported == nil {
			return false
		}
		spec, _ := imported.Node.(*ast.ImportSpec)
		if spec == nil {
			return false
		}
		switch spec.Path.Value {
		case `"strings"`, `"strconv"`, `"math"`, `"regexp"`:
			return true
		case `"list"`:
			return slices.Contains([]string{"Concat", "Max", "Min", "Slice", "SortStrings", "Sum"}, name)
		case `"encoding/json"`, `"encoding/yaml"`:
			return name == "Marshal"
		}
	}
	return false
}

// test records a tested value. If it is more than a path, it must not depend on an open field.
func (s *openScan) test(value ast.Expr) {
	if path, ok := s.path(value); ok {
		if path != nil {
			s.tested = append(s.tested, path)
		}
		return
	}
	s.readAll(value)
}

// values returns the paths of all values in an expression.
func (s *openScan) values(node ast.Node) []valuePath {
	if node == nil || s.expanding[node] {
		return nil
	}
	s.expanding[node] = true
	defer delete(s.expanding, node)
	var found []valuePath
	ast.Walk(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Field:
			if _, isName := node.Label.(*ast.Ident); isName {
				found = append(found, s.values(node.Value)...)
				return false
			}
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.Ident:
			path, ok := s.path(node)
			switch {
			case ok && path != nil:
				found = append(found, path)
			case !ok:
				found = append(found, s.valuesBehind(node)...)
			}
			return false
		}
		return true
	}, nil)
	return found
}

// valuesBehind returns the values in the expression that a reference without a path stands for.
func (s *openScan) valuesBehind(node ast.Node) []valuePath {
	switch node := node.(type) {
	case *ast.SelectorExpr:
		return s.values(node.X)
	case *ast.IndexExpr:
		return append(s.values(node.X), s.values(node.Index)...)
	case *ast.Ident:
		if loop, ok := node.Scope.(*ast.ForClause); ok {
			return s.values(loop.Source)
		}
		if let, ok := node.Node.(*ast.LetClause); ok {
			return s.values(let.Expr)
		}
		return s.values(node.Node)
	}
	return nil
}

// path returns the path of the value that a reference finds, or nil if that is in an imported package. An index
// that is no literal is read. It is not ok if the value has no path in the package.
func (s *openScan) path(reference ast.Node) (path valuePath, ok bool) {
	switch reference := reference.(type) {
	case *ast.ParenExpr:
		return s.path(reference.X)
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(reference.Sel)
		path, ok = s.path(reference.X)
		return path.field(name), ok && err == nil
	case *ast.IndexExpr:
		path, ok = s.path(reference.X)
		if literal, isLiteral := reference.Index.(*ast.BasicLit); isLiteral && literal.Kind == token.STRING {
			name, _, err := ast.LabelName(literal)
			return path.field(name), ok && err == nil
		} else if !isLiteral {
			s.readAll(reference.Index)
		}
		return path.field(anyField), ok
	case *ast.Ident:
		return s.pathOf(reference)
	}
	return nil, false
}

func (s *openScan) pathOf(ident *ast.Ident) (path valuePath, ok bool) {
	if let, isLet := ident.Node.(*ast.LetClause); isLet {
		return s.path(let.Expr)
	}
	switch scope := ident.Scope.(type) {
	case nil:
		_, isImport := ident.Node.(*ast.ImportSpec)
		return nil, isImport || ident.Node == nil
	case *ast.File:
		return valuePath{ident.Name}, true
	case *ast.ForClause:
		if scope.Key != nil && scope.Key.Name == ident.Name {
			return nil, true // The names of fields are complete where their struct is.
		}
		path, ok = s.path(scope.Source)
		return path.field(anyField), ok
	default:
		if path, ok = s.paths[scope]; ok {
			return append(slices.Clone(path), ident.Name), true
		}
		return nil, false
	}
}

// field returns the path of a field of the value, or nil for one in an imported package.
func (p valuePath) field(name string) valuePath {
	if p == nil {
		return nil
	}
	return append(slices.Clone(p), name)
}

// dependentsIn returns the paths of the values that open fields leave open or incomplete.
func dependentsIn(value cue.Value, path valuePath) []valuePath {
	if len(path) > 0 && value.Validate(cue.Concrete(true)) == nil {
		return nil
	}
	var found []valuePath
	switch fields, isStruct := fieldsOf(value); {
	case isStruct:
		for fields.Next() {
			found = append(found, dependentsIn(fields.Value(), path.field(labelOf(fields.Selector())))...)
		}
	case value.IncompleteKind() == cue.ListKind && value.Err() == nil:
		for items, err := value.List(); err == nil && items.Next(); {
			found = append(found, dependentsIn(items.Value(), path.field(anyField))...)
		}
	case value.IncompleteKind() != cue.TopKind || value.Err() != nil: // Others have no value with this spec.
		found = append(found, path)
	}
	return found
}

func fieldsOf(value cue.Value) (*cue.Iterator, bool) {
	if value.IncompleteKind() != cue.StructKind || value.Err() != nil {
		return nil, false
	}
	fields, err := value.Fields(cue.Hidden(true))
	return fields, err == nil
}

func labelOf(selector cue.Selector) string {
	if selector.LabelType() == cue.StringLabel {
		return selector.Unquoted()
	}
	return selector.String()
}
