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
	utiljson "k8s.io/apimachinery/pkg/util/json"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxShared is how many shared renders of a set are kept, with the specs that were rendered once so far.
const maxShared = 512

// sharedRender is what NpuDeploys of a namespace render to that have the same spec, settings and backends, and differ by
// their names only: the result of the templates while the name is open. See nameUses.
type sharedRender struct {
	templates *Templates
	keys      *placeholders
	// objects and resolved have openText where the name is. They are nil if each name must be rendered.
	objects  map[string]any
	resolved any
}

type sharedKey [sha256.Size]byte

// openText is a text with the name between each two parts.
type openText []string

func (t openText) with(name string) string { return strings.Join(t, name) }

func (t openText) append(next openText) openText {
	joined := append(slices.Clone(t[:len(t)-1]), t[len(t)-1]+next[0])
	return append(joined, next[1:]...)
}

// RenderShared is Render, but evaluates NpuDeploys that differ by their names only once. The manifests cannot be
// explained.
func (t *Templates) RenderShared(deploy *v1.NpuDeploy, settings ProjectSettings, backends ...Backend) (*Result, error) {
	key, err := sharedKeyOf(deploy, settings, backends)
	if err != nil {
		return nil, err
	}
	known, isKnown := t.shared.Get(key)
	shared, _ := known.(*sharedRender)
	if shared != nil {
		if result, ok := shared.of(deploy.Name); ok {
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

func sharedKeyOf(deploy *v1.NpuDeploy, settings ProjectSettings, backends []Backend) (sharedKey, error) {
	content, err := json.Marshal([]any{deploy.Namespace, deploy.Spec, settings, backends})
	if err != nil {
		return sharedKey{}, fmt.Errorf("reading the spec: %w", err)
	}
	return sha256.Sum256(content), nil
}

// share returns the shared render of deploy, which renders to result, or one without objects if the templates do more
// with the name than to put it into texts.
func (t *Templates) share(deploy *v1.NpuDeploy, result *Result, settings ProjectSettings, backends []Backend) *sharedRender {
	metadata := map[string]any{"name": ast.NewIdent("string"), "namespace": deploy.Namespace}
	in, err := t.inputOf(v1.Kind, metadata, &deploy.Spec)
	if err != nil {
		return &sharedRender{}
	}
	in.backends = backends
	shared := &sharedRender{templates: t, keys: in.keys}
	if !shared.read(t.workload.fill(in, settings)) || !shared.has(deploy.Name, result) {
		return &sharedRender{}
	}
	// A text that must be equal to the name does not look open. Under another name it is an error.
	other := deploy.DeepCopy()
	if other.Name = "a"; deploy.Name == "a" {
		other.Name = "b"
	}
	if result, err = t.Render(other, settings, backends...); err != nil || !shared.has(other.Name, result) {
		return &sharedRender{}
	}
	return shared
}

// read reads what the templates evaluate to while the name is open. It returns false if they do more with it than to put it
// into texts.
func (r *sharedRender) read(value cue.Value) bool {
	if value.Err() != nil || validate(value, fieldViolations) != nil {
		return false // Whether there is an object, or a violation, depends on the name.
	}
	if r.templates.nameUses.concern(dependentsIn(value, valuePath{})) {
		return false
	}
	objects, ok := open(value.LookupPath(cue.MakePath(cue.Str(fieldObjects))), r.keys)
	resolved, isOpen := open(value.LookupPath(cue.MakePath(cue.Str(fieldResolved))), newPlaceholders(nil))
	r.objects, _ = objects.(map[string]any)
	r.resolved = resolved
	return ok && isOpen && nameOf(value).Subsume(r.templates.workload.names()) == nil // It accepts what the contract does.
}

// has reports whether an NpuDeploy renders to result.
func (r *sharedRender) has(name string, result *Result) bool {
	own, ok := r.of(name)
	return ok && reflect.DeepEqual(own.Objects, result.Objects) && reflect.DeepEqual(own.Resolved, result.Resolved)
}

// of returns what the NpuDeploy with a name renders to. It is not ok if it must be rendered, such as for an
// invalid name.
func (r *sharedRender) of(name string) (result *Result, ok bool) {
	if r.objects == nil || !r.templates.workload.acceptsName(name) {
		return nil, false
	}
	result = &Result{}
	for _, object := range r.objects {
		content, _ := withName(object, name).(map[string]any)
		result.Objects = append(result.Objects, &unstructured.Unstructured{Object: content})
	}
	sortForApply(result.Objects, kindAndNameOf)
	content, err := json.Marshal(withName(r.resolved, name))
	if err != nil || utiljson.Unmarshal(content, &result.Resolved) != nil {
		return nil, false
	}
	result.Resolved.unmask(r.keys)
	return result, true
}

// withName copies a value and puts the name into its texts.
func withName(value any, name string) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for field, element := range value {
			copied[field] = withName(element, name)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = withName(element, name)
		}
		return copied
	case openText:
		return value.with(name)
	default:
		return value
	}
}

// open exports a value, with openText where the name is open.
func open(value cue.Value, keys *placeholders) (any, bool) {
	kind := value.IncompleteKind()
	switch {
	case value.Validate(cue.Concrete(true)) == nil:
		var content any
		err := decode(value, &content)
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

// maxReferences bounds how many references and operations are between a text and the name.
const maxReferences = 32

// openTextOf returns the text of a value, from the expression that CUE could not evaluate: a reference, an element
// of a list, or a text with values in it. It is not ok if it is another one, or has a constraint.
func openTextOf(value cue.Value, references int) (text openText, ok bool) {
	if text, err := value.String(); err == nil {
		return openText{text}, true
	}
	if number, err := value.Int64(); err == nil {
		return openText{strconv.FormatInt(number, 10)}, true
	}
	if value.Path().String() == fieldDeploy+".metadata.name" {
		return openText{"", ""}, true
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
	case cue.SelectorOp: // A reference in braces.
		field, err := operands[1].String()
		if err != nil {
			return nil, false
		}
		return openTextOf(operands[0].LookupPath(cue.MakePath(cue.Str(field))), references)
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
	text = openText{""}
	for _, value := range values {
		part, isText := openTextOf(value, references)
		if !isText {
			return nil, false
		}
		text = text.append(part)
	}
	return text, true
}

// acceptsName reports whether the contract accepts a name.
func (e *engine) acceptsName(name string) bool {
	return e.names().Unify(e.context.Encode(name)).Validate(cue.Concrete(true)) == nil
}

// names are the names that the contract accepts.
func (e *engine) names() cue.Value {
	return e.value.LookupPath(cue.MakePath(cue.Str(fieldDeploy), cue.Str("metadata").Required(), cue.Str("name").Required()))
}

// nameOf returns the name of an evaluated NpuDeploy.
func nameOf(value cue.Value) cue.Value {
	return value.LookupPath(cue.MakePath(cue.Str(fieldDeploy), cue.Str("metadata"), cue.Str("name")))
}
