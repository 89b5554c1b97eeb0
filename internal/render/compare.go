package render

import (
	"maps"
	"reflect"

	"cuelang.org/go/cue"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Compare returns the effect of applying after where before runs: the worst effect, and each
// object that differs, in apply order.
func Compare(before, after *Result) (Effect, []Change) {
	return compare(exportedObjects(before.Objects), exportedObjects(after.Objects))
}

// CompareEvaluations is Compare without an export of the manifests, which takes a third of a render. It is not ok if
// that is not possible: see CompileBeside, or an object is incomplete.
func CompareEvaluations(before, after *Evaluation) (effect Effect, changes []Change, ok bool) {
	if before.engine.context != after.engine.context {
		return None, nil, false
	}
	// A placeholder stands for the same key in both.
	isShared := maps.Equal(before.keys.keyFor, after.keys.keyFor)
	old, isComplete := before.objects(isShared)
	next, isNextComplete := after.objects(isShared)
	if !isComplete || !isNextComplete {
		return None, nil, false
	}
	effect, changes = compare(old, next)
	return effect, changes, true
}

// object is a manifest to compare.
type object struct {
	kind, name string
	fields     fields
}

// fields are those of an object, exported or in CUE.
type fields interface {
	// differ compares a field with that of an object of the same form. It may be absent.
	differ(from fields, path ...string) bool
	// text returns a text, or nothing.
	text(path ...string) string
}

func compare(before, after []object) (Effect, []Change) {
	var changes []Change
	old := make(map[string]*object, len(before))
	for i := range before {
		old[objectName(before[i].kind, before[i].name)] = &before[i]
	}
	for i := range after {
		name := objectName(after[i].kind, after[i].name)
		if effect := effectOn(old[name], &after[i]); effect != None {
			changes = append(changes, Change{Object: name, Effect: effect, Note: note(old[name], &after[i])})
		}
		delete(old, name)
	}
	for i := range before {
		if name := objectName(before[i].kind, before[i].name); old[name] != nil {
			changes = append(changes, Change{Object: name, Effect: Delete})
		}
	}
	worst := None
	for _, change := range changes {
		worst = Worse(worst, change.Effect)
	}
	return worst, changes
}

func effectOn(before, after *object) Effect {
	switch {
	case before == nil:
		return InPlace
	case !isPicker(after) && after.fields.differ(before.fields, podTemplate(after.kind)...):
		return Restart
	case after.fields.differ(before.fields):
		return InPlace
	default:
		return None
	}
}

// podTemplate returns the path of the field of which each change restarts the pods, or the server in them.
func podTemplate(kind string) []string {
	switch kind {
	case "LeaderWorkerSet":
		return []string{"spec", "leaderWorkerTemplate"} // With the number of pods, and the policy for restarts.
	case "RayService":
		return []string{"spec"}
	}
	return []string{"spec", "template"}
}

// isPicker reports whether an object is the Deployment of an endpoint picker, which restarts while the servers stay.
func isPicker(o *object) bool {
	return o.kind == "Deployment" && o.fields.text("spec", "selector", "matchLabels", v1.LabelPicker) != ""
}

// note returns what a change of a RayService or of an endpoint picker means beside its effect.
func note(before, after *object) string {
	switch {
	case before == nil:
		return ""
	case isPicker(after) && after.fields.differ(before.fields, podTemplate(after.kind)...):
		return "the endpoint picker restarts; the servers stay"
	case after.kind != "RayService":
		return ""
	case after.fields.differ(before.fields, "spec", "rayClusterConfig"):
		return "KubeRay makes a second cluster, with as many devices again, and deletes the first when it serves"
	case after.fields.differ(before.fields, "spec", "serveConfigV2"):
		return "Ray Serve restarts the model in the same pods"
	}
	return ""
}

// exportedFields are those of an exported object.
type exportedFields map[string]any

func exportedObjects(manifests []*unstructured.Unstructured) []object {
	objects := make([]object, len(manifests))
	for i, manifest := range manifests {
		objects[i] = object{manifest.GetKind(), manifest.GetName(), exportedFields(manifest.Object)}
	}
	return objects
}

func (f exportedFields) differ(from fields, path ...string) bool {
	other, _ := from.(exportedFields)
	before, _, _ := unstructured.NestedFieldNoCopy(other, path...)
	after, _, _ := unstructured.NestedFieldNoCopy(f, path...)
	return !reflect.DeepEqual(before, after)
}

func (f exportedFields) text(path ...string) string {
	text, _, _ := unstructured.NestedString(f, path...)
	return text
}

// evaluatedFields are those of an object in CUE.
type evaluatedFields struct {
	value cue.Value
	keys  *placeholders
	// isShared means that the other object has the same placeholders.
	isShared bool
}

// objects returns the objects in apply order. It is not ok if one is incomplete.
func (e *Evaluation) objects(isShared bool) (objects []object, ok bool) {
	all, err := lookup(e.value, fieldObjects).Fields()
	if err != nil {
		return nil, false
	}
	for all.Next() {
		fields := evaluatedFields{all.Value(), e.keys, isShared}
		version, kind, name := fields.text("apiVersion"), fields.text("kind"), fields.text("metadata", "name")
		if version == "" || kind == "" || name == "" {
			return nil, false
		}
		objects = append(objects, object{kind, name, fields})
	}
	sortForApply(objects, func(o object) (kind, name string) { return o.kind, o.name })
	return objects, true
}

func (f evaluatedFields) text(path ...string) string {
	text, _ := f.lookup(path).String()
	return f.keys.key(text)
}

func (f evaluatedFields) lookup(path []string) cue.Value {
	selectors := make([]cue.Selector, len(path))
	for i, name := range path {
		selectors[i] = cue.Str(name)
	}
	return f.value.LookupPath(cue.MakePath(selectors...))
}

func (f evaluatedFields) differ(from fields, path ...string) bool {
	other, _ := from.(evaluatedFields)
	return f.with(f.lookup(path)).differs(other.with(other.lookup(path)))
}

func (f evaluatedFields) with(value cue.Value) evaluatedFields {
	return evaluatedFields{value, f.keys, f.isShared}
}

// differs reports whether the exported values would differ. CUE's equality implies that they do not; its opposite
// implies nothing, because CUE compares hidden fields as well.
func (f evaluatedFields) differs(other evaluatedFields) bool {
	switch {
	case !f.value.Exists() || !other.value.Exists():
		return f.value.Exists() != other.value.Exists()
	case f.isShared && f.value.Equals(other.value):
		return false
	}
	switch kind := f.value.Kind(); {
	case kind == other.value.Kind() && kind == cue.StructKind:
		return differInFields(f.elements(), other.elements())
	case kind == other.value.Kind() && kind == cue.ListKind:
		return differInItems(f.items(), other.items())
	}
	after, err := f.exported()
	before, otherErr := other.exported()
	return err != nil || otherErr != nil || !reflect.DeepEqual(after, before)
}

func differInFields(a, b map[string]evaluatedFields) bool {
	if len(a) != len(b) {
		return true
	}
	for name, value := range a {
		if other, exists := b[name]; !exists || value.differs(other) {
			return true
		}
	}
	return false
}

func differInItems(a, b []evaluatedFields) bool {
	if len(a) != len(b) {
		return true
	}
	for i := range a {
		if a[i].differs(b[i]) {
			return true
		}
	}
	return false
}

// elements returns the fields of a struct by their names.
func (f evaluatedFields) elements() map[string]evaluatedFields {
	elements := map[string]evaluatedFields{}
	for all, err := f.value.Fields(); err == nil && all.Next(); {
		elements[f.keys.key(all.Selector().Unquoted())] = f.with(all.Value())
	}
	return elements
}

func (f evaluatedFields) items() []evaluatedFields {
	var items []evaluatedFields
	for all, err := f.value.List(); err == nil && all.Next(); {
		items = append(items, f.with(all.Value()))
	}
	return items
}

// exported returns a value as Manifests exports it.
func (f evaluatedFields) exported() (any, error) {
	exported, err := export(f.value)
	if err != nil {
		return nil, err
	}
	return f.keys.unmask(exported), nil
}
