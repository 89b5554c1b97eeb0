package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SourceKind says who decided a value.
type SourceKind string

// Who decides values, those that a reader asks for first.
const (
	FromUser        SourceKind = "user"
	FromProject     SourceKind = "project"
	FromPolicy      SourceKind = "policy"
	FromAccelerator SourceKind = "accelerator"
	FromTemplate    SourceKind = "template"
)

// Source is a line that a value came from: its position has no column.
type Source struct {
	Kind     SourceKind
	Position token.Position
}

// Explanation says where one field of one manifest came from.
type Explanation struct {
	// Object is kind/name in lower case, as kubectl takes it.
	Object string
	// Path is the field: spec.template.spec.containers[0].image.
	Path string
	// Value is the field's scalar value as JSON.
	Value string
	// Sources are all that had a say, without repetition; a value that is computed
	// has several.
	Sources []Source
}

// maxHops bounds the walk from a field to its sources; templates are not that deep.
const maxHops = 32

// Explain says, for each scalar field of each manifest in apply order, where its value
// came from. Lines of the user's file are known after RenderYAML only; after Render the
// user's values have no position.
func (m *Manifests) Explain() ([]Explanation, error) {
	objects := m.value.LookupPath(cue.MakePath(cue.Str(fieldObjects)))
	byName := map[string]cue.Value{}
	fields, err := objects.Fields()
	if err != nil {
		return nil, fmt.Errorf("explaining: %w", oneLine(err))
	}
	for fields.Next() {
		byName[objectName(m.kindAndName(fields.Value()))] = fields.Value()
	}
	var all []Explanation
	for _, object := range m.Objects {
		name := objectName(object.GetKind(), object.GetName())
		m.explain(byName[name], nil, func(path, value string, sources []Source) {
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

// explain calls found for each scalar at and below path. A value's own path is of no use: one
// that CUE shares between fields has that of the first.
func (m *Manifests) explain(value cue.Value, path []string, found func(path, value string, sources []Source)) {
	switch value.Kind() {
	case cue.StructKind:
		for fields, _ := value.Fields(); fields.Next(); {
			m.explain(fields.Value(), append(slices.Clip(path), fields.Selector().String()), found)
		}
	case cue.ListKind:
		elements, _ := value.List()
		for i := 0; elements.Next(); i++ {
			m.explain(elements.Value(), append(slices.Clip(path), strconv.Itoa(i)), found)
		}
	default:
		if content, err := value.MarshalJSON(); err == nil {
			found(userPath(path, m.keys), string(content), m.sources(value))
		}
	}
}

// sources are the places that field's value came from, the template's own only if
// there is no other.
func (m *Manifests) sources(field cue.Value) []Source {
	found := map[Source]bool{}
	m.follow(field, maxHops, found)
	// What Render was given was no text and has no position; all else has one.
	if len(found) == 0 {
		found[Source{Kind: FromUser}] = true
	}
	sources := make([]Source, 0, len(found))
	for source := range found {
		sources = append(sources, source)
	}
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), strings.Compare(a.Position.String(), b.Position.String()))
	})
	// A line of the user's file says more than that it is the user's.
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

// follow walks from a value to the literals that it was made of. It says whether it
// found any.
func (m *Manifests) follow(value cue.Value, hops int, found map[Source]bool) bool {
	if hops == 0 || !value.Exists() {
		return false
	}
	if target, ok := m.target(value); ok {
		return m.follow(target, hops-1, found)
	}
	switch op, args := value.Expr(); op {
	case cue.IndexOp, cue.SelectorOp:
		if m.follow(chosen(args), hops-1, found) {
			return true
		}
	case cue.InterpolationOp, cue.CallOp, cue.AddOp, cue.SubtractOp, cue.MultiplyOp:
		for _, arg := range args {
			m.followOperand(arg, hops-1, found)
		}
		return true
	default:
	}
	if source, ok := literalAt(value); ok {
		found[source] = true
		return true
	}
	return false
}

// literalAt is where the literal stands that value is. The variable of a loop is a
// reference that leads nowhere; only evaluated it knows the literal, and only if that is
// not the template's own.
func literalAt(value cue.Value) (Source, bool) {
	for _, position := range []token.Pos{value.Eval().Pos(), value.Pos()} {
		if source := sourceAt(position); position.IsValid() && source.Kind != FromTemplate {
			return source, true
		}
	}
	return sourceAt(value.Pos()), value.Pos().IsValid()
}

// target is what value refers to, if it is a plain reference that can be followed.
func (m *Manifests) target(value cue.Value) (cue.Value, bool) {
	_, path := value.ReferencePath()
	if path.Err() != nil || len(path.Selectors()) == 0 {
		return cue.Value{}, false
	}
	target := m.value.LookupPath(path)
	return target, len(path.Selectors()) > 0 && target.Exists() && target.Pos() != value.Pos()
}

// chosen is the part that an index or a selector took: of [wish, default][0], of a
// table by name, of a struct inside a comprehension.
func chosen(args []cue.Value) cue.Value {
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
	return args[0].LookupPath(cue.MakePath(cue.Str(name)))
}

// followOperand looks into the lists that functions take.
func (m *Manifests) followOperand(operand cue.Value, hops int, found map[Source]bool) {
	if operand.IncompleteKind() != cue.ListKind {
		m.follow(operand, hops, found)
		return
	}
	elements, err := operand.List()
	if err != nil {
		return
	}
	for elements.Next() {
		m.follow(elements.Value(), hops-1, found)
	}
}

func sourceAt(position token.Pos) Source {
	at := userPosition(position.Position())
	at.Filename, at.Offset = strings.TrimPrefix(at.Filename, "/"), 0
	at.Column = 0 // Twice on one line is once to a reader.
	switch {
	case isUserFile(position.Filename()):
		return Source{Kind: FromUser, Position: at}
	case strings.Contains(at.Filename, "schemas/npudeploy/"):
		// The contract decides nothing: this is the bound on what Render was given.
		return Source{Kind: FromUser}
	case strings.HasSuffix(at.Filename, "schemas/workload/facts.cue"):
		return Source{Kind: FromProject} // The same, of the facts.
	case strings.Contains(at.Filename, "schemas/policy/"):
		return Source{Kind: FromPolicy, Position: at}
	case strings.Contains(at.Filename, "schemas/accelerators/"):
		return Source{Kind: FromAccelerator, Position: at}
	default:
		return Source{Kind: FromTemplate, Position: at}
	}
}
