package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

	// openContract is what the contract accepts in fields that a shared render leaves open.
	openContract map[openField]cue.Value

	// hasConstants means that its values cannot be explained: see withConstants.
	hasConstants bool

	importPath string // of the package
	loops      loops  // for Explain, empty with constants
}

// input is an object to render.
type input struct {
	object any // a Go value, or a cue.Value of the set's context
	keys   *placeholders
	syntax *ast.StructLit // of the user's file; nil for a Go value

	backends []Backend
}

// contract returns the constraints on the input.
func (e *engine) contract() cue.Value { return lookup(e.value, e.input) }

// Evaluation is an object that the templates accept. Its manifests are in CUE.
type Evaluation struct {
	engine *engine
	value  cue.Value
	keys   *placeholders
}

// render exports the manifests of an object.
func (e *engine) render(in input, settings ProjectSettings) (*Manifests, error) {
	evaluation, err := e.evaluate(in, settings)
	if err != nil {
		return nil, err
	}
	return evaluation.Manifests()
}

// evaluate unifies an object with the templates.
func (e *engine) evaluate(in input, settings ProjectSettings) (*Evaluation, error) {
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
	return &Evaluation{e, value, in.keys}, nil
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
	return lookup(value, field).Validate(cue.Concrete(true))
}

// Manifests exports the manifests.
func (e *Evaluation) Manifests() (*Manifests, error) {
	objects, err := exportField(e.value, fieldObjects)
	if err != nil {
		return nil, fmt.Errorf("rendering: %w", err)
	}
	manifests := &Manifests{evaluation: e}
	for name, object := range objects {
		content, ok := e.keys.unmask(object).(map[string]any)
		if !ok {
			return nil, fmt.Errorf("rendering: objects.%s is not an object", name)
		}
		manifest := &unstructured.Unstructured{Object: content}
		if field := missingField(manifest); field != "" {
			return nil, fmt.Errorf("rendering: objects.%s has no %s", name, field)
		}
		manifests.Objects = append(manifests.Objects, manifest)
	}
	sortForApply(manifests.Objects, kindAndNameOf)
	return manifests, nil
}

// Outline exports the manifests in apply order, with the fields that isRead reports, and null for others.
func (e *Evaluation) Outline(isRead func(kind schema.GroupVersionKind, field string) bool) ([]*unstructured.Unstructured, error) {
	objects, err := lookup(e.value, fieldObjects).Fields()
	if err != nil {
		return nil, fmt.Errorf("rendering: %w", firstError(err))
	}
	var outlines []*unstructured.Unstructured
	for objects.Next() {
		object := evaluatedFields{value: objects.Value(), keys: e.keys}
		kind := schema.FromAPIVersionAndKind(object.text("apiVersion"), object.text("kind"))
		outline := &unstructured.Unstructured{Object: map[string]any{}}
		for name, field := range object.elements() {
			outline.Object[name] = nil
			if isRead(kind, name) {
				if outline.Object[name], err = field.exported(); err != nil {
					return nil, fmt.Errorf("rendering: %w", err)
				}
			}
		}
		outlines = append(outlines, outline)
	}
	sortForApply(outlines, kindAndNameOf)
	return outlines, nil
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
func sortForApply[T any](objects []T, describe func(T) (kind, name string)) {
	slices.SortFunc(objects, func(a, b T) int {
		kind, name := describe(a)
		otherKind, otherName := describe(b)
		return cmp.Or(
			cmp.Compare(applyOrder(kind), applyOrder(otherKind)),
			strings.Compare(kind, otherKind),
			strings.Compare(name, otherName),
		)
	})
}

func kindAndNameOf(object *unstructured.Unstructured) (kind, name string) {
	return object.GetKind(), object.GetName()
}

func applyOrder(kind string) int {
	first := []string{"Namespace", "ServiceAccount", "PersistentVolumeClaim", "Service", "Deployment", "LeaderWorkerSet", "RayService", "InferencePool"}
	if i := slices.Index(first, kind); i >= 0 {
		return i
	}
	return len(first)
}
