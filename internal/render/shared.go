package render

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxShared is how many shared renders of a set are kept, with the specs that were rendered once so far.
const maxShared = 512

// sharedRender is what NpuDeploys of a namespace render to that have the same spec, settings and backends, and differ by
// their names and the hosts of their endpoints only: the result of the templates while these are open. See openUses.
type sharedRender struct {
	templates *Templates
	keys      *placeholders
	// objects and resolved have openText where a name or a host is. They are nil if each NpuDeploy must be rendered.
	objects  map[string]any
	resolved any
}

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

type sharedKey [sha256.Size]byte

// openText is a text with open fields in it.
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

// RenderShared is Render, but evaluates NpuDeploys that differ by their names and hosts only once, if the templates are
// those in this program, under any policy. The manifests cannot be explained.
func (t *Templates) RenderShared(deploy *v1.NpuDeploy, settings ProjectSettings, backends ...Backend) (*Result, error) {
	if !t.shares {
		return t.Render(deploy, settings, backends...)
	}
	key, err := sharedKeyOf(deploy, settings, backends)
	if err != nil {
		return nil, err
	}
	return t.renderShared(key, deploy, settings, backends)
}

func (t *Templates) renderShared(key sharedKey, deploy *v1.NpuDeploy, settings ProjectSettings, backends []Backend) (*Result, error) {
	shared, isKnown := t.sharedOf(key)
	if shared != nil {
		if result, ok := shared.of(openFieldsOf(deploy)); ok {
			return result, nil
		}
	}
	result, err := t.Render(deploy, settings, backends...)
	switch {
	case err != nil:
		return nil, err
	case !isKnown:
		t.shared.Add(key, (*sharedRender)(nil)) // No other may have this spec.
	case shared == nil:
		t.shared.Add(key, t.share(deploy, result, settings, backends))
	}
	result.evaluation = nil // It is much larger than the manifests.
	return result, nil
}

// RenderIfShared is RenderShared for specs that were rendered before. It is not ok for others, for which Evaluate may be
// enough, and for those that do not render.
func (t *Templates) RenderIfShared(deploy *v1.NpuDeploy, settings ProjectSettings, backends ...Backend) (result *Result, ok bool) {
	key, err := sharedKeyOf(deploy, settings, backends)
	if err != nil || !t.shares {
		return nil, false
	}
	shared, isKnown := t.sharedOf(key)
	switch {
	case !isKnown:
		t.shared.Add(key, (*sharedRender)(nil))
		return nil, false
	case shared != nil && shared.objects == nil:
		return nil, false
	}
	result, err = t.renderShared(key, deploy, settings, backends)
	return result, err == nil
}

// sharedOf returns the shared render of a key, or nil if it was rendered once, and whether it was.
func (t *Templates) sharedOf(key sharedKey) (shared *sharedRender, isKnown bool) {
	known, isKnown := t.shared.Get(key)
	shared, _ = known.(*sharedRender)
	return shared, isKnown
}

func sharedKeyOf(deploy *v1.NpuDeploy, settings ProjectSettings, backends []Backend) (sharedKey, error) {
	fields := openFieldsOf(deploy)
	for field := range fields {
		fields[field] = "open"
	}
	content, err := json.Marshal([]any{deploy.Namespace, fields.set(deploy).Spec, settings, backends})
	if err != nil {
		return sharedKey{}, fmt.Errorf("reading the spec: %w", err)
	}
	return sha256.Sum256(content), nil
}

// share returns the shared render of deploy, which renders to result, or one without objects if the templates do more
// with an open field than to put it into texts.
func (t *Templates) share(deploy *v1.NpuDeploy, result *Result, settings ProjectSettings, backends []Backend) *sharedRender {
	in, err := t.openInput(deploy, settings)
	if err != nil {
		return &sharedRender{}
	}
	in.backends = backends
	fields := openFieldsOf(deploy)
	shared := &sharedRender{templates: t, keys: in.keys}
	if !shared.read(t.workload.fill(in, settings), fields) || !shared.has(fields, result) {
		return &sharedRender{}
	}
	// A value that must be equal to a field does not look open. With another value of the field it is an error.
	for field, value := range fields {
		if fields[field] = "a"; value == "a" {
			fields[field] = "b"
		}
	}
	if result, err = t.Render(fields.set(deploy), settings, backends...); err != nil || !shared.has(fields, result) {
		return &sharedRender{}
	}
	return shared
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

// read reads what the templates evaluate to while fields are open. It returns false if they do more with them than to put
// them into texts.
func (r *sharedRender) read(value cue.Value, fields openFields) bool {
	if value.Err() != nil || validate(value, fieldViolations) != nil {
		return false // Whether there is an object, or a violation, depends on a field.
	}
	for field := range fields {
		// CUE compares no constraints but by their text.
		if fmt.Sprint(value.LookupPath(field.path())) != fmt.Sprint(r.templates.workload.openContract[field]) {
			return false // The spec restricts the field further.
		}
	}
	objects, ok := open(lookup(value, fieldObjects), r.keys)
	resolved, isOpen := open(lookup(value, fieldResolved), newPlaceholders(nil))
	r.objects, _ = objects.(map[string]any)
	r.resolved = resolved
	return ok && isOpen
}

// has reports whether the NpuDeploy with these fields renders to result.
func (r *sharedRender) has(fields openFields, result *Result) bool {
	own, ok := r.of(fields)
	return ok && reflect.DeepEqual(own.Objects, result.Objects) && reflect.DeepEqual(own.Resolved, result.Resolved)
}

// of returns what the NpuDeploy with these fields renders to. It is not ok if it must be rendered, such as for an
// invalid name.
func (r *sharedRender) of(fields openFields) (result *Result, ok bool) {
	if r.objects == nil || !r.templates.workload.accepts(fields) {
		return nil, false
	}
	for _, text := range fields {
		if r.keys.key(text) != text {
			return nil, false // It has the form of a placeholder.
		}
	}
	result = &Result{}
	for _, object := range r.objects {
		content, _ := withFields(object, fields).(map[string]any)
		result.Objects = append(result.Objects, &unstructured.Unstructured{Object: content})
	}
	sortForApply(result.Objects, kindAndNameOf)
	resolved, _ := withFields(r.resolved, fields).(map[string]any)
	return result, result.Resolved.read(resolved, r.keys) == nil
}

// withFields copies a value and puts the fields into its texts.
func withFields(value any, fields openFields) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for name, element := range value {
			copied[name] = withFields(element, fields)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = withFields(element, fields)
		}
		return copied
	case openText:
		return value.with(fields)
	default:
		return value
	}
}

// open exports a value, with openText where a field is open.
func open(value cue.Value, keys *placeholders) (any, bool) {
	kind := value.IncompleteKind()
	switch {
	case value.Validate(cue.Concrete(true)) == nil:
		content, err := export(value)
		return keys.unmask(content), err == nil
	case value.Err() == nil && kind == cue.StructKind:
		return openStruct(value, keys)
	case value.Err() == nil && kind == cue.ListKind:
		return openList(value, keys)
	}
	return openTextOf(value, maxReferences)
}

func openStruct(value cue.Value, keys *placeholders) (any, bool) {
	opened := map[string]any{}
	fields, err := value.Fields()
	ok := err == nil
	for ok && fields.Next() {
		opened[keys.key(fields.Selector().Unquoted())], ok = open(fields.Value(), keys)
	}
	return opened, ok
}

func openList(value cue.Value, keys *placeholders) (any, bool) {
	opened := []any{}
	items, err := value.List()
	ok := err == nil
	for ok && items.Next() {
		var item any
		item, ok = open(items.Value(), keys)
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

// path returns the path of a field in an evaluated NpuDeploy.
func (f openField) path() cue.Path {
	if f == fieldHost {
		return cue.MakePath(cue.Str(fieldDeploy), cue.Str("spec"), cue.Str("endpoint"), cue.Str("host"))
	}
	return cue.MakePath(cue.Str(fieldDeploy), cue.Str("metadata"), cue.Str("name"))
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
