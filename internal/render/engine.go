package render

import (
	"fmt"

	"cuelang.org/go/cue"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// The fields of a package of templates that a render fills or reads. The input is named
// after what it is.
const (
	fieldDeploy   = "deploy"
	fieldProject  = "project"
	fieldRefuse   = "refuse"
	fieldObjects  = "objects"
	fieldResolved = "resolved"
)

// engine renders one kind of object: it is a compiled package of templates, without an
// input.
type engine struct {
	context *cue.Context
	value   cue.Value
	input   string // the field that takes the object
}

// render unifies object, a Go value or a cue.Value of this set's context, with the
// templates.
func (e *engine) render(object any, facts ProjectSettings, keys *standIns) (*Manifests, error) {
	value := e.fill(object, facts)
	// The spec comes first: what is wrong with it makes noise everywhere else.
	if err := validate(value, e.input); err != nil {
		return nil, e.faultsOf(e.elementErrors(err, value, object), value, keys)
	}
	if err := validate(value, fieldRefuse); err != nil {
		return nil, e.faultsOf(err, value, keys)
	}
	if err := validate(value, fieldObjects); err != nil {
		return nil, fmt.Errorf("rendering: %w", oneLine(err))
	}
	manifests := &Manifests{value: value, keys: keys}
	if err := manifests.read(); err != nil {
		return nil, fmt.Errorf("rendering: %w", err)
	}
	return manifests, nil
}

func (e *engine) fill(object any, facts ProjectSettings) cue.Value {
	if facts == (ProjectSettings{}) {
		return e.value.FillPath(cue.MakePath(cue.Str(e.input)), object)
	}
	// Both at once: each fill evaluates everything.
	return e.value.FillPath(cue.MakePath(), map[string]any{e.input: object, fieldProject: facts})
}

func validate(value cue.Value, field string) error {
	return value.LookupPath(cue.MakePath(cue.Str(field))).Validate(cue.Concrete(true))
}

// read takes the objects out of CUE.
func (m *Manifests) read() error {
	var objects map[string]any
	if err := decode(m.value, fieldObjects, &objects); err != nil {
		return err
	}
	for name, object := range objects {
		content, ok := m.keys.reveal(object).(map[string]any)
		if !ok {
			return fmt.Errorf("objects.%s is no object", name)
		}
		manifest := &unstructured.Unstructured{Object: content}
		if field := lacking(manifest); field != "" {
			return fmt.Errorf("objects.%s has no %s", name, field)
		}
		m.Objects = append(m.Objects, manifest)
	}
	sortForApply(m.Objects)
	return nil
}

// lacking is the field without which an object is no manifest, "" if it has them all. CUE
// would copy the metadata that objects share into each of them to look for them.
func lacking(object *unstructured.Unstructured) string {
	switch _, hasMetadata := object.Object["metadata"].(map[string]any); {
	case object.GetAPIVersion() == "":
		return "apiVersion"
	case object.GetKind() == "":
		return "kind"
	case !hasMetadata:
		return "metadata"
	default:
		return ""
	}
}

// decode goes by way of JSON: k8s.io's keeps whole numbers whole, as unstructured
// objects need them.
func decode(value cue.Value, field string, into any) error {
	content, err := value.LookupPath(cue.MakePath(cue.Str(field))).MarshalJSON()
	if err != nil {
		return oneLine(err)
	}
	return json.Unmarshal(content, into)
}
