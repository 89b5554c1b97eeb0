package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
	cueyaml "cuelang.org/go/encoding/yaml"
	yaml4 "go.yaml.in/yaml/v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/message"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// userPrefix distinguishes the user's files from the templates in positions.
	userPrefix = "user:"
	// maxSpec bounds a spec, in bytes of its JSON. Evaluation has no budget of its own, and
	// the lists of Kubernetes' own types have no bound: ten thousand sources of a projected
	// volume take seconds.
	maxSpec = 64 << 10
)

// Document is an object in a user's file.
type Document struct {
	File string
	metav1.TypeMeta
	Namespace string

	syntax  *ast.StructLit // as CUE reads it, with positions
	content any            // as Kubernetes reads it, with json.Number

	// violations are the errors that normalize found. CUE finds more.
	violations []Violation
	err        *Error // CUE cannot read it
}

// ReadDocuments reads a YAML or JSON document of file. The items of a List are documents of
// their own, and null is no document, as in kubectl. Line breaks before the document count for
// the line numbers. Errors are returned by RenderDocument.
func ReadDocuments(file string, text []byte) []Document {
	document := readDocument(file, text)
	if document.err == nil && document.content == nil {
		return nil
	}
	if document.err != nil || !document.isList() {
		return []Document{document}
	}
	return document.items()
}

func readDocument(file string, text []byte) Document {
	d := Document{File: file}
	if err := yaml.Unmarshal(text, &d.content, useNumber); err != nil {
		d.err = syntaxError(file, text, err)
		return d
	}
	if object, ok := d.content.(map[string]any); ok && !d.isList() {
		if d.err = checkSize(object["spec"]); d.err != nil { // CUE takes minutes to evaluate it.
			return d
		}
	}
	extracted, err := cueyaml.Extract(userPrefix+file, text)
	if err != nil {
		d.err = unreadable(file, err)
		return d
	}
	return newDocument(file, &ast.StructLit{Elts: extracted.Decls}, d.content)
}

// newDocument checks and normalizes an object.
func newDocument(file string, syntax *ast.StructLit, content any) Document {
	d := Document{File: file, syntax: syntax, content: content}
	if object, ok := content.(map[string]any); ok {
		meta := unstructured.Unstructured{Object: object}
		d.TypeMeta = metav1.TypeMeta{APIVersion: meta.GetAPIVersion(), Kind: meta.GetKind()}
		d.Namespace = meta.GetNamespace()
		if d.err = checkSize(object["spec"]); d.err != nil || d.isList() {
			return d
		}
	}
	d.violations = normalize(syntax, content)
	return d
}

// isList reports whether d is a List, as kubectl prints several objects.
func (d *Document) isList() bool {
	object, ok := d.content.(map[string]any)
	if !ok {
		return false
	}
	_, hasItems := object["items"].([]any)
	list := unstructured.Unstructured{Object: object}
	group, err := schema.ParseGroupVersion(list.GetAPIVersion())
	return hasItems && err == nil && (group.Group == "" || group.Group == v1.Group) && strings.HasSuffix(list.GetKind(), "List")
}

func (d *Document) items() []Document {
	field := fieldOf(d.syntax, "items")
	list, ok := field.Value.(*ast.ListLit)
	contents, _ := d.content.(map[string]any)["items"].([]any)
	if !ok || len(list.Elts) != len(contents) {
		return []Document{*d}
	}
	documents := make([]Document, len(contents))
	for i, content := range contents {
		syntax, ok := list.Elts[i].(*ast.StructLit)
		if !ok {
			syntax = &ast.StructLit{Elts: []ast.Decl{&ast.EmbedDecl{Expr: list.Elts[i]}}}
		}
		documents[i] = newDocument(d.File, syntax, content)
	}
	return documents
}

// Settings returns the settings of the namespace of a Project. ok is false for other kinds.
func (d *Document) Settings() (namespace string, settings ProjectSettings, ok bool) {
	var project v1.Project
	if d.Kind != v1.KindProject {
		return "", ProjectSettings{}, false
	}
	if content, err := json.Marshal(d.content); err != nil || json.Unmarshal(content, &project) != nil {
		return "", ProjectSettings{}, false
	}
	return project.Name, SettingsOf(&project), true
}

// RenderDocument renders a Project or an NpuDeploy, as Render does. It keeps the lines of the
// file for violations and for Explain, and reports what the API server would prune or
// reject: unknown fields and wrong types. A kind that does not begin with Project is rejected
// as an invalid NpuDeploy. The settings apply to an NpuDeploy only.
func (t *Templates) RenderDocument(d Document, settings ProjectSettings) (*Manifests, error) {
	if strings.HasPrefix(strings.ToLower(d.Kind), strings.ToLower(v1.KindProject)) {
		in, err := t.project.inputOf(d)
		if err != nil {
			return nil, err
		}
		manifests, err := t.project.render(in, ProjectSettings{})
		return manifests, d.merge(err)
	}
	result, err := t.renderDeployDocument(d, settings)
	if err != nil {
		return nil, err
	}
	return &result.Manifests, nil
}

// RenderYAML renders the YAML (or JSON) document of an NpuDeploy, as RenderDocument does.
func (t *Templates) RenderYAML(file string, document []byte, settings ProjectSettings) (*Result, error) {
	return t.renderDeployDocument(readDocument(file, document), settings)
}

func (t *Templates) renderDeployDocument(d Document, settings ProjectSettings) (*Result, error) {
	in, err := t.workload.inputOf(d)
	if err != nil {
		return nil, err
	}
	evaluation, err := t.workload.evaluate(in, settings)
	if err := d.merge(err); err != nil {
		return nil, err
	}
	return evaluation.Result()
}

// merge returns err with the document's own violations, which replace those of CUE on the
// same fields.
func (d *Document) merge(err error) error {
	var invalid *Error
	if len(d.violations) == 0 || err != nil && !errors.As(err, &invalid) {
		return err
	}
	merged := slices.Clone(d.violations)
	if invalid != nil {
		for _, violation := range invalid.Violations {
			if !slices.ContainsFunc(d.violations, func(own Violation) bool { return isWithin(violation.Path, own.Path) }) {
				merged = append(merged, violation)
			}
		}
	}
	sortViolations(merged)
	return &Error{Violations: merged}
}

// isWithin reports whether a user's path is the path of a field, or below it.
func isWithin(path, field string) bool {
	rest, ok := strings.CutPrefix(path, field)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// inputOf builds a document in the engine's context.
func (e *engine) inputOf(d Document) (input, error) {
	if d.err != nil {
		return input{}, d.err
	}
	syntax := withoutNulls(d.syntax, e.contract())
	// The context does not retain an expression, which keeps its positions.
	value := e.context.BuildExpr(syntax)
	if err := value.Err(); err != nil {
		if len(d.violations) > 0 { // They are the cause.
			return input{}, d.merge(nil)
		}
		return input{}, unreadable(d.File, err)
	}
	return input{object: value, keys: newPlaceholders(nil), syntax: syntax}, nil
}

// withoutNulls returns object without the fields that are null and that contract has: the API
// server prunes those.
func withoutNulls(object *ast.StructLit, contract cue.Value) *ast.StructLit {
	pruned := &ast.StructLit{Lbrace: object.Lbrace, Rbrace: object.Rbrace}
	for _, element := range object.Elts {
		field, ok := element.(*ast.Field)
		if !ok {
			pruned.Elts = append(pruned.Elts, element)
			continue
		}
		if !hasNull(field.Value) {
			pruned.Elts = append(pruned.Elts, field)
			continue
		}
		name, _, _ := ast.LabelName(field.Label)
		fieldContract := lookupElement(contract, name)
		if !isNull(field.Value) || !fieldContract.Exists() {
			pruned.Elts = append(pruned.Elts, &ast.Field{Label: field.Label, Value: withoutNullsIn(field.Value, fieldContract)})
		}
	}
	return pruned
}

func withoutNullsIn(value ast.Expr, contract cue.Value) ast.Expr {
	switch value := value.(type) {
	case *ast.StructLit:
		return withoutNulls(value, contract)
	case *ast.ListLit:
		pruned := &ast.ListLit{Lbrack: value.Lbrack, Rbrack: value.Rbrack}
		for _, element := range value.Elts {
			pruned.Elts = append(pruned.Elts, withoutNullsIn(element, lookupElement(contract, "0")))
		}
		return pruned
	default:
		return value
	}
}

func isNull(value ast.Expr) bool {
	literal, ok := value.(*ast.BasicLit)
	return ok && literal.Kind == token.NULL
}

func hasNull(value ast.Expr) bool {
	found := false
	ast.Walk(value, func(node ast.Node) bool {
		expr, ok := node.(ast.Expr)
		found = found || ok && isNull(expr)
		return !found
	}, nil)
	return found
}

// checkSize rejects a spec that is larger than maxSpec. What JSON cannot express is rejected later.
func checkSize(spec any) *Error {
	if content, err := json.Marshal(spec); err == nil && len(content) > maxSpec {
		text := fmt.Sprintf("%d bytes are more than the %d that a spec may have: keep large content in a ConfigMap or in the image", len(content), maxSpec)
		return &Error{Violations: []Violation{{Path: "spec", Message: text}}}
	}
	return nil
}

// syntaxError returns the error of a document that Kubernetes cannot read, with its position.
func syntaxError(file string, text []byte, err error) *Error {
	violation := Violation{Message: message.Line("Kubernetes cannot read it: "+err.Error(), maxMessage)}
	var node yaml4.Node
	var located *yaml4.LoadError
	if errors.As(yaml4.Unmarshal(text, &node), &located) {
		mark := located.Mark
		if strings.Contains(located.Message, "end of stream") && located.ContextMark.Line > 0 {
			mark = located.ContextMark // the beginning of what does not end
		}
		violation.Message = message.Line(located.Message, maxMessage)
		violation.Position = token.Position{Filename: file, Line: mark.Line, Column: mark.Column}
	}
	return &Error{Violations: []Violation{violation}}
}

// unreadable returns the error of a document that CUE cannot read, or with an invalid value.
func unreadable(file string, err error) *Error {
	first := cueerrors.Errors(err)[0]
	violation := Violation{Path: userPath(first.Path(), newPlaceholders(nil)), Message: messageOf(first)}
	if violation.Path == "" { // CUE's YAML parser writes "file:line: message".
		text := strings.TrimSpace(strings.TrimPrefix(first.Error(), userPrefix+file+":"))
		line, rest, _ := strings.Cut(text, ": ")
		if isIndex(line) {
			text = rest
		}
		violation.Message = message.Line(text, maxMessage)
	}
	if positions := cueerrors.Positions(first); len(positions) > 0 {
		violation.Position = userPosition(positions[0].Position())
	}
	return &Error{Violations: []Violation{violation}}
}

func isUserFile(name string) bool { return strings.HasPrefix(name, userPrefix) }

func userPosition(position token.Position) token.Position {
	position.Filename = strings.TrimPrefix(position.Filename, userPrefix)
	return position
}
