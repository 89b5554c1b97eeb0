package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// The fields of a package of templates that a render fills or reads.
const (
	fieldDeploy     = "deploy"
	fieldProject    = "project"
	fieldBackends   = "backends"
	fieldViolations = "violations"
	fieldObjects    = "objects"
	fieldResolved   = "resolved"
)

// engine is the compiled package of templates for one kind of object.
type engine struct {
	context *cue.Context
	value   cue.Value
	input   string // the field that takes the object

	// worded has the field input with the messages of the contract, which value lacks.
	worded cue.Value

	importPath string // of the package
	loops      loops
}

// input is an object to render.
type input struct {
	object any // a Go value, or a cue.Value of the set's context
	keys   *placeholders
	syntax *ast.StructLit // of the user's file; nil for a Go value

	backends []Backend
}

// contract returns the constraints on the input.
func (e *engine) contract() cue.Value { return e.value.LookupPath(cue.MakePath(cue.Str(e.input))) }

// render unifies an object with the templates.
func (e *engine) render(in input, settings ProjectSettings) (*Manifests, error) {
	value := e.fill(in, settings)
	// The spec comes first: an invalid one causes errors in all other fields.
	if err := validate(value, e.input); err != nil {
		return nil, e.contractViolations(err, in)
	}
	if err := validate(value, fieldViolations); err != nil {
		return nil, e.violations(err, in)
	}
	if err := validate(value, fieldObjects); err != nil {
		return nil, fmt.Errorf("rendering: %w", firstError(err))
	}
	manifests := &Manifests{engine: e, value: value, keys: in.keys}
	if err := manifests.read(); err != nil {
		return nil, fmt.Errorf("rendering: %w", err)
	}
	return manifests, nil
}

// fill fills the root at once: each fill evaluates everything, and one of a field twice.
func (e *engine) fill(in input, settings ProjectSettings) cue.Value {
	fields := map[string]any{e.input: in.object}
	if settings != (ProjectSettings{}) {
		fields[fieldProject] = settings
	}
	if len(in.backends) > 0 {
		fields[fieldBackends] = in.backends
	}
	return e.value.FillPath(cue.MakePath(), fields)
}

// contractViolations returns the violations of the contract by an object, of which err reports
// at least one, without the contract's messages.
func (e *engine) contractViolations(err error, in input) *Error {
	value := e.worded.FillPath(cue.MakePath(), map[string]any{e.input: in.object})
	if worded := validate(value, e.input); worded != nil {
		err = worded
	}
	return e.violations(e.elementErrors(err, value, in.object), in)
}

func validate(value cue.Value, field string) error {
	return value.LookupPath(cue.MakePath(cue.Str(field))).Validate(cue.Concrete(true))
}

// read decodes the objects.
func (m *Manifests) read() error {
	var objects map[string]any
	if err := decode(m.value, fieldObjects, &objects); err != nil {
		return err
	}
	for name, object := range objects {
		content, ok := m.keys.unmask(object).(map[string]any)
		if !ok {
			return fmt.Errorf("objects.%s is not an object", name)
		}
		manifest := &unstructured.Unstructured{Object: content}
		if field := missingField(manifest); field != "" {
			return fmt.Errorf("objects.%s has no %s", name, field)
		}
		m.Objects = append(m.Objects, manifest)
	}
	sortForApply(m.Objects)
	return nil
}

// missingField returns the first required field that object lacks. A CUE constraint would
// copy the metadata that objects share into each of them.
func missingField(object *unstructured.Unstructured) string {
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

// sortForApply orders objects so that references come after the objects they refer to, and
// otherwise by kind and name.
func sortForApply(objects []*unstructured.Unstructured) {
	slices.SortFunc(objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(
			cmp.Compare(applyOrder(a.GetKind()), applyOrder(b.GetKind())),
			strings.Compare(a.GetKind(), b.GetKind()),
			strings.Compare(a.GetName(), b.GetName()),
		)
	})
}

func applyOrder(kind string) int {
	first := []string{"Namespace", "ServiceAccount", "PersistentVolumeClaim", "Service", "Deployment", "LeaderWorkerSet", "RayService", "InferencePool"}
	if i := slices.Index(first, kind); i >= 0 {
		return i
	}
	return len(first)
}

// decode reads a field by way of JSON: the decoder of k8s.io keeps whole numbers int64, as
// unstructured objects need them.
func decode(value cue.Value, field string, into any) error {
	content, err := value.LookupPath(cue.MakePath(cue.Str(field))).MarshalJSON()
	if err != nil {
		return firstError(err)
	}
	return json.Unmarshal(content, into)
}
