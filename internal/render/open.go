package render

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// openField is a field of the spec that is open in a shared render.
type openField int

const (
	noField openField = iota
	fieldName
	fieldHost
)

// openFields are the values of these fields.
type openFields map[openField]string

// openFieldsOf returns the fields of an NpuDeploy. A spec without a host has none that is open.
func openFieldsOf(deploy *v1.NpuDeploy) openFields {
	fields := openFields{fieldName: deploy.Name}
	if endpoint := deploy.Spec.Endpoint; endpoint != nil && endpoint.Host != "" {
		fields[fieldHost] = endpoint.Host
	}
	return fields
}

// set returns a copy of an NpuDeploy with other values.
func (f openFields) set(deploy *v1.NpuDeploy) *v1.NpuDeploy {
	changed := *deploy
	changed.Name = f[fieldName]
	if host, isGiven := f[fieldHost]; isGiven {
		endpoint := *deploy.Spec.Endpoint
		endpoint.Host = host
		changed.Spec.Endpoint = &endpoint
	}
	return &changed
}

// path returns the path of a field in an evaluated NpuDeploy.
func (f openField) path() cue.Path {
	if f == fieldHost {
		return cue.MakePath(cue.Str(fieldDeploy), cue.Str("spec"), cue.Str("endpoint"), cue.Str("host"))
	}
	return cue.MakePath(cue.Str(fieldDeploy), cue.Str("metadata"), cue.Str("name"))
}

// openInput returns deploy with any string in its open fields.
func (t *Templates) openInput(deploy *v1.NpuDeploy, settings ProjectSettings) (input, error) {
	anyText := ast.NewIdent("string")
	in, err := t.inputOf(v1.Kind, map[string]any{"name": anyText, "namespace": deploy.Namespace}, &deploy.Spec, settings)
	if err != nil {
		return input{}, err
	}
	if _, hasHost := openFieldsOf(deploy)[fieldHost]; hasHost {
		object, _ := in.object.(map[string]any)
		endpoint, _, _ := unstructured.NestedFieldNoCopy(object, "spec", "endpoint")
		endpoint.(map[string]any)["host"] = anyText
	}
	return in, nil
}

// openText is a text with open fields in it: "\(name).example.com" is {{"", fieldName}, {".example.com", noField}}.
type openText []openPart

// openPart is a text, followed by an open field.
type openPart struct {
	text  string
	field openField
}

func (t openText) with(fields openFields) string {
	var text strings.Builder
	for _, part := range t {
		text.WriteString(part.text)
		text.WriteString(fields[part.field])
	}
	return text.String()
}

// openStruct and openList are a struct and a list with open fields in them.
type (
	openStruct map[string]any
	openList   []any
)

// exportOpen exports a value, with openText where a field is open.
func exportOpen(value cue.Value, keys *placeholders) (any, bool) {
	kind := value.IncompleteKind()
	switch {
	case value.Validate(cue.Concrete(true)) == nil:
		content, err := export(value)
		return keys.unmask(content), err == nil
	case value.Err() == nil && kind == cue.StructKind:
		return exportOpenStruct(value, keys)
	case value.Err() == nil && kind == cue.ListKind:
		return exportOpenList(value, keys)
	}
	return openTextOf(value, maxReferences)
}

func exportOpenStruct(value cue.Value, keys *placeholders) (openStruct, bool) {
	opened := openStruct{}
	fields, err := value.Fields()
	ok := err == nil
	for ok && fields.Next() {
		opened[keys.key(fields.Selector().Unquoted())], ok = exportOpen(fields.Value(), keys)
	}
	return opened, ok
}

func exportOpenList(value cue.Value, keys *placeholders) (openList, bool) {
	opened := openList{}
	items, err := value.List()
	ok := err == nil
	for ok && items.Next() {
		var item any
		item, ok = exportOpen(items.Value(), keys)
		opened = append(opened, item)
	}
	return opened, ok
}

// maxReferences bounds how many references and operations are between a text and an open field.
const maxReferences = 32

// openTextOf returns the text of a value, from the expression that CUE could not evaluate: a reference, an element
// of a list, or a text with values in it. It is not ok if it is another one, or has a constraint.
func openTextOf(value cue.Value, references int) (text openText, ok bool) {
	if text, err := value.String(); err == nil {
		return openText{{text: text}}, true
	}
	if number, err := value.Int64(); err == nil {
		return openText{{text: strconv.FormatInt(number, 10)}}, true
	}
	for _, field := range []openField{fieldName, fieldHost} {
		if value.Path().String() == field.path().String() {
			return openText{{field: field}}, true
		}
	}
	if references == 0 {
		return nil, false
	}
	references--
	operator, operands := value.Expr()
	if found := cue.Dereference(value); found != value {
		return openTextOf(found, references)
	}
	switch operator { //nolint:exhaustive // Others yield no text, or depend on it.
	case cue.IndexOp:
		index, err := operands[1].Int64()
		if err != nil {
			return nil, false
		}
		return openTextOf(operands[0].LookupPath(cue.MakePath(cue.Index(int(index)))), references)
	case cue.AndOp:
		return sameText(operands, references)
	case cue.InterpolationOp:
		return joinedText(operands, references)
	}
	return nil, false
}

// sameText returns the text that all values have.
func sameText(values []cue.Value, references int) (text openText, ok bool) {
	text, ok = openTextOf(values[0], references)
	for _, value := range values[1:] {
		other, isText := openTextOf(value, references)
		ok = ok && isText && slices.Equal(text, other)
	}
	return text, ok
}

func joinedText(values []cue.Value, references int) (text openText, ok bool) {
	for _, value := range values {
		part, isText := openTextOf(value, references)
		if !isText {
			return nil, false
		}
		text = append(text, part...)
	}
	return text, true
}

// insertFields copies a value as far as it has open fields, and puts the fields into its texts.
func insertFields(value any, fields openFields) any {
	switch value := value.(type) {
	case openStruct:
		copied := make(map[string]any, len(value))
		for name, element := range value {
			copied[name] = insertFields(element, fields)
		}
		return copied
	case openList:
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = insertFields(element, fields)
		}
		return copied
	case openText:
		return value.with(fields)
	default:
		return value
	}
}

// accepts reports whether the contract accepts the fields.
func (e *engine) accepts(fields openFields) bool {
	for field, text := range fields {
		if e.openContract[field].Unify(e.context.Encode(text)).Validate(cue.Concrete(true)) != nil {
			return false
		}
	}
	return true
}

// openContractOf returns the texts that the contract accepts in the open fields.
func openContractOf(value cue.Value) map[openField]cue.Value {
	deploy := lookup(value, fieldDeploy)
	return map[openField]cue.Value{
		fieldName: deploy.LookupPath(cue.MakePath(cue.Str("metadata").Required(), cue.Str("name").Required())).Eval(),
		fieldHost: deploy.LookupPath(cue.MakePath(cue.Str("spec").Required(), cue.Str("endpoint").Optional(), cue.Str("host").Optional())).Eval(),
	}
}
