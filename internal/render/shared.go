package render

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"

	"cuelang.org/go/cue"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxShared is how many shared renders of a set are kept, with the specs that were rendered once so far.
const maxShared = 512

// sharedRender is what NpuDeploys of a namespace render to that have the same spec, settings and backends, and differ by
// their names and the hosts of their endpoints only:
//
//   - The first is rendered as usual, because most specs occur once. The key of its spec is kept.
//   - The second is also evaluated with name and host open, which means any string. If CUE leaves nothing but texts
//     incomplete, the objects are kept with openText in these places. Two names must give what a normal render gives.
//   - All others are copies of these objects, with their names and hosts inserted.
type sharedRender struct {
	templates *Templates
	keys      *placeholders
	// objects and resolved have openText where a name or a host is. They are nil if each NpuDeploy must be rendered.
	objects  openStruct
	resolved any
}

type sharedKey [sha256.Size]byte

// RenderShared is Render, but evaluates NpuDeploys that differ by their names and hosts only once, if the templates are
// those in this program, under any policy. The manifests cannot be explained, and share parts: they must not be modified.
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
	shared, isKnown := t.lookupShared(key)
	if shared != nil {
		if result, ok := shared.resultFor(openFieldsOf(deploy)); ok {
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
	shared, isKnown := t.lookupShared(key)
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

// lookupShared returns the shared render of a key, or nil if it was rendered once, and whether it was.
func (t *Templates) lookupShared(key sharedKey) (shared *sharedRender, isKnown bool) {
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
	if !shared.read(t.workload.fill(in, settings), fields) || !shared.matches(fields, result) {
		return &sharedRender{}
	}
	// A value that must be equal to a field does not look open. With another value of the field it is an error.
	for field, value := range fields {
		if fields[field] = "a"; value == "a" {
			fields[field] = "b"
		}
	}
	if result, err = t.Render(fields.set(deploy), settings, backends...); err != nil || !shared.matches(fields, result) {
		return &sharedRender{}
	}
	return shared
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
	objects, ok := exportOpen(lookup(value, fieldObjects), r.keys)
	resolved, isOpen := exportOpen(lookup(value, fieldResolved), newPlaceholders(nil))
	r.objects, _ = objects.(openStruct)
	r.resolved = resolved
	return ok && isOpen
}

// matches reports whether the NpuDeploy with these fields renders to result.
func (r *sharedRender) matches(fields openFields, result *Result) bool {
	own, ok := r.resultFor(fields)
	return ok && reflect.DeepEqual(own.Objects, result.Objects) && reflect.DeepEqual(own.Resolved, result.Resolved)
}

// resultFor returns what the NpuDeploy with these fields renders to. It is not ok if it must be rendered, such as for an
// invalid name.
func (r *sharedRender) resultFor(fields openFields) (result *Result, ok bool) {
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
		content, _ := insertFields(object, fields).(map[string]any)
		result.Objects = append(result.Objects, &unstructured.Unstructured{Object: content})
	}
	sortForApply(result.Objects, kindAndNameOf)
	resolved, _ := insertFields(r.resolved, fields).(map[string]any)
	return result, result.Resolved.read(resolved, r.keys) == nil
}
