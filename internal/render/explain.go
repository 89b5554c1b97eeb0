package render

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SourceKind is the kind of source that decides a value.
type SourceKind string

// The kinds, the most specific first.
const (
	FromUser        SourceKind = "user"
	FromProject     SourceKind = "project"
	FromPolicy      SourceKind = "policy"
	FromAccelerator SourceKind = "accelerator"
	FromTemplate    SourceKind = "template"
)

// Source is a line that a value comes from. Its position has no column.
type Source struct {
	Kind     SourceKind
	Position token.Position
}

// Explanation reports the sources of one field of one manifest.
type Explanation struct {
	// Object is kind/name in lower case, as kubectl takes it.
	Object string
	// Path is the field: spec.template.spec.containers[0].image.
	Path string
	// Value is the field's scalar value as JSON.
	Value string
	// Sources are distinct; a computed value has several.
	Sources []Source
}

// maxHops bounds the walk from a field to its sources.
const maxHops = 32

// errNotExplainable is the error of Explain for a set of Compile.
var errNotExplainable = errors.New("explaining: the templates were not compiled for that")

// Explain returns the sources of each scalar field of each manifest, in apply order. The
// user's values have positions after RenderYAML only. The set must be of CompileExplainable.
func (m *Manifests) Explain() ([]Explanation, error) {
	if m.evaluation.engine.hasConstants {
		return nil, errNotExplainable
	}
	objects := lookup(m.evaluation.value, fieldObjects)
	byName := map[string]cue.Value{}
	fields, err := objects.Fields()
	if err != nil {
		return nil, fmt.Errorf("explaining: %w", firstError(err))
	}
	for fields.Next() {
		byName[objectName(m.kindAndName(fields.Value()))] = fields.Value()
	}
	var all []Explanation
	for _, object := range m.Objects {
		name := objectName(object.GetKind(), object.GetName())
		m.explain(byName[name], nil, place{}, func(path, value string, sources []Source) {
			all = append(all, Explanation{Object: name, Path: path, Value: value, Sources: sources})
		})
	}
	return all, nil
}

func (m *Manifests) kindAndName(object cue.Value) (kind, name string) {
	content := map[string]any{}
	if err := object.Decode(&content); err != nil {
		return "", ""
	}
	decoded := unstructured.Unstructured{Object: content}
	return decoded.GetKind(), decoded.GetName()
}

func objectName(kind, name string) string { return strings.ToLower(kind) + "/" + name }

// place is where a value is.
type place struct {
	// index is that among the elements that a loop yields.
	index int
	// scope is the instance of a definition that has the value. It does not exist outside of definitions.
	scope cue.Value
}

// explain calls visit for each scalar at and below path. It cannot use a value's own path,
// because a value that CUE shares between fields has the path of the first.
func (m *Manifests) explain(value cue.Value, path []string, at place, visit func(path, value string, sources []Source)) {
	switch value.Kind() {
	case cue.StructKind:
		inside := place{scope: m.scopeOf(value, at, maxHops)}
		for fields, _ := value.Fields(); fields.Next(); {
			m.explain(fields.Value(), append(slices.Clip(path), fields.Selector().String()), inside, visit)
		}
	case cue.ListKind:
		elements, _ := value.List()
		ofLoop := map[token.Pos]int{} // number of elements so far that a loop yields
		for i := 0; elements.Next(); i++ {
			element := elements.Value()
			m.explain(element, append(slices.Clip(path), strconv.Itoa(i)), place{ofLoop[element.Pos()], at.scope}, visit)
			ofLoop[element.Pos()]++
		}
	default:
		if content, err := value.MarshalJSON(); err == nil {
			visit(userPath(path, m.evaluation.keys), string(content), m.sources(value, at))
		}
	}
}

// scopeOf returns the scope of the fields of a struct. A struct that is selected from the instance of a definition, such
// as (#Definition & {...}).field, has that of the instance.
func (m *Manifests) scopeOf(value cue.Value, at place, hops int) cue.Value {
	if hops == 0 {
		return at.scope
	}
	if target, ok := m.target(value); ok {
		return m.scopeOf(target, place{}, hops-1)
	}
	if operator, operands := value.Expr(); operator == cue.SelectorOp && selected(operands).Exists() {
		return m.scopeOf(selected(operands), place{scope: operands[0]}, hops-1)
	}
	for _, original := range m.originals(value, at) {
		if original.Exists() {
			return m.scopeOf(original, place{}, hops-1)
		}
	}
	return at.scope
}

// sources returns the sources of field's value, a template only if there is no other.
func (m *Manifests) sources(field cue.Value, at place) []Source {
	set := map[Source]bool{}
	m.follow(field, at, maxHops, set)
	// Only the Go values of a Render have no position.
	if len(set) == 0 {
		set[Source{Kind: FromUser}] = true
	}
	sources := slices.Collect(maps.Keys(set))
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), strings.Compare(a.Position.String(), b.Position.String()))
	})
	// A line of the user's file is more precise than the user alone.
	if len(sources) > 1 && sources[0] == (Source{Kind: FromUser}) && sources[1].Kind == FromUser {
		sources = sources[1:]
	}
	if own := slices.IndexFunc(sources, func(s Source) bool { return s.Kind == FromTemplate }); own > 0 {
		return sources[:own]
	}
	return sources
}

func rank(kind SourceKind) int {
	return slices.Index([]SourceKind{FromUser, FromProject, FromPolicy, FromAccelerator, FromTemplate}, kind)
}

// follow adds the literals that a value was computed from to sources. It reports whether
// there were any.
func (m *Manifests) follow(value cue.Value, at place, hops int, sources map[Source]bool) bool {
	if hops == 0 || !value.Exists() {
		return false
	}
	if target, ok := m.target(value); ok {
		return m.follow(target, place{index: at.index}, hops-1, sources)
	}
	if m.followExpression(value, at, hops-1, sources) {
		return true
	}
	source, ok := literalAt(value)
	if ok && source.Kind == FromTemplate && m.followSyntax(value, at, hops-1, sources) {
		return true
	}
	if ok {
		sources[source] = true
	}
	return ok
}

// followSyntax follows what the syntax of a template shows and the value does not: the arguments of a function, and a
// text of the spec that a loop has as its variable, such as the name of a header.
func (m *Manifests) followSyntax(value cue.Value, at place, hops int, sources map[Source]bool) bool {
	switch syntax := value.Source().(type) {
	case *ast.CallExpr:
		return m.followArguments(syntax, at, hops, sources)
	case *ast.Field:
		text, err := value.String()
		if _, isLiteral := syntax.Value.(*ast.BasicLit); isLiteral || err != nil {
			return false
		}
		found := textIn(lookup(lookup(m.evaluation.value, m.evaluation.engine.input), "spec"), text)
		if found.Exists() {
			sources[sourceAt(found.Pos())] = true
		}
		return found.Exists()
	default:
		return false
	}
}

// followArguments follows the arguments of a call that are not literals of the template.
func (m *Manifests) followArguments(call *ast.CallExpr, at place, hops int, sources map[Source]bool) bool {
	found := map[Source]bool{}
	for _, argument := range call.Args {
		operand, ok := m.evaluate(argument, at.scope)
		if !ok { // such as the variable of a loop
			return false
		}
		m.followOperand(operand, hops, found)
	}
	maps.DeleteFunc(found, func(source Source, _ bool) bool { return source.Kind == FromTemplate })
	maps.Copy(sources, found)
	return len(found) > 0
}

// textIn returns the first value below object that is a text, or that has it as the name of its field.
func textIn(object cue.Value, text string) cue.Value {
	if found, err := object.String(); err == nil && found == text {
		return object
	}
	fields, _ := object.Fields()
	for fields != nil && fields.Next() {
		if fields.Selector().Unquoted() == text {
			return firstScalar(fields.Value())
		}
		if found := textIn(fields.Value(), text); found.Exists() {
			return found
		}
	}
	elements, _ := object.List()
	for elements.Next() {
		if found := textIn(elements.Value(), text); found.Exists() {
			return found
		}
	}
	return cue.Value{}
}

func (m *Manifests) followExpression(value cue.Value, at place, hops int, sources map[Source]bool) bool {
	switch op, args := value.Expr(); op {
	case cue.IndexOp, cue.SelectorOp:
		if list, ok := m.computed(args[0]); ok {
			return m.follow(list, place{}, hops, sources)
		}
		return m.follow(selected(args), place{}, hops, sources) || m.followLoop(value, at, hops, sources)
	case cue.AndOp: // a value and its constraints
		args = slices.DeleteFunc(args, func(arg cue.Value) bool { return !arg.IsConcrete() })
		return len(args) == 1 && m.follow(args[0], at, hops, sources)
	case cue.InterpolationOp, cue.CallOp, cue.AddOp, cue.SubtractOp, cue.MultiplyOp:
		if !m.followLoop(value, at, hops, sources) {
			for _, arg := range args {
				m.followOperand(arg, hops, sources)
			}
		}
		return true
	default:
		return false
	}
}

// computed returns the call of a function that value is, or refers to: elements of its result have the position of the
// template.
func (m *Manifests) computed(value cue.Value) (cue.Value, bool) {
	if target, ok := m.target(value); ok {
		value = target
	}
	operator, _ := value.Expr()
	return value, operator == cue.CallOp
}

// literalAt returns the source of a literal. The variable of a loop is a reference without a
// target: its evaluated value has the literal's position, unless that is the template's own.
func literalAt(value cue.Value) (Source, bool) {
	for _, position := range []token.Pos{value.Eval().Pos(), value.Pos()} {
		if source := sourceAt(position); position.IsValid() && source.Kind != FromTemplate {
			return source, true
		}
	}
	return sourceAt(value.Pos()), value.Pos().IsValid()
}

// target returns the value that value refers to, if it is a plain reference.
func (m *Manifests) target(value cue.Value) (cue.Value, bool) {
	_, path := value.ReferencePath()
	if path.Err() != nil || len(path.Selectors()) == 0 {
		return cue.Value{}, false
	}
	target := m.evaluation.value.LookupPath(path)
	return target, target.Exists() && target.Pos() != value.Pos()
}

// selected returns the operand of an index or a selector: of [user's, default][0], of a table
// by name, of a struct in a comprehension.
func selected(args []cue.Value) cue.Value {
	if len(args) != 2 {
		return cue.Value{}
	}
	if index, err := args[1].Int64(); err == nil {
		return args[0].LookupPath(cue.MakePath(cue.Index(index)))
	}
	name, err := args[1].String()
	if err != nil {
		return cue.Value{}
	}
	return lookup(args[0], name)
}

// followOperand follows the elements of lists that are passed to functions.
func (m *Manifests) followOperand(operand cue.Value, hops int, sources map[Source]bool) {
	if operand.IncompleteKind() != cue.ListKind {
		m.follow(operand, place{}, hops, sources)
		return
	}
	elements, err := operand.List()
	if err != nil {
		return
	}
	for elements.Next() {
		m.follow(elements.Value(), place{}, hops-1, sources)
	}
}

// firstScalar returns the first scalar of a struct, which has a position in the file. The struct has that of the contract.
func firstScalar(value cue.Value) cue.Value {
	for {
		fields, _ := value.Fields()
		if fields == nil || !fields.Next() {
			return value
		}
		value = fields.Value()
	}
}

func sourceAt(position token.Pos) Source {
	at := userPosition(position.Position())
	at.Offset, at.Column = 0, 0 // One source for each line.
	if isUserFile(position.Filename()) {
		return Source{Kind: FromUser, Position: at}
	}
	at.Filename = strings.TrimPrefix(at.Filename, "/")
	switch {
	case strings.Contains(at.Filename, "schemas/npudeploy/"):
		// The contract decides no value: this is the bound on a Go value of Render.
		return Source{Kind: FromUser}
	case strings.HasSuffix(at.Filename, "schemas/workload/project.cue"):
		return Source{Kind: FromProject} // The same, of the settings.
	case strings.Contains(at.Filename, "schemas/policy/"):
		return Source{Kind: FromPolicy, Position: at}
	case strings.Contains(at.Filename, "schemas/accelerators/"):
		return Source{Kind: FromAccelerator, Position: at}
	default:
		return Source{Kind: FromTemplate, Position: at}
	}
}
