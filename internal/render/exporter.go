package render

import (
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"
	"k8s.io/apimachinery/pkg/util/json"
)

// exportField exports a field that is a struct.
func exportField(value cue.Value, field string) (map[string]any, error) {
	exported, err := export(lookup(value, field))
	if err != nil {
		return nil, err
	}
	fields, ok := exported.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is not a struct", field)
	}
	return fields, nil
}

// export returns a concrete value as Kubernetes' JSON decoder would: whole numbers are int64, as unstructured objects
// need them.
//
// The fields of a struct are read from CUE's own representation, its arcs. Value.Fields and MarshalJSON sort them, which
// would take a quarter of a render's bytes and half of its allocations.
func export(value cue.Value) (any, error) {
	return exporter{value.Eval()}.export()
}

// exporter exports the value that its cursor refers to. CUE has no function that returns a cue.Value of an arc, but a value
// can refer to another: the cursor, a copy of the exported value, is set to one arc after the other.
type exporter struct{ cursor cue.Value }

func (e exporter) export() (any, error) {
	value, _ := e.cursor.Default()
	switch value.Kind() { //nolint:exhaustive // Others are rare.
	case cue.StructKind:
		return e.exportFields(value)
	case cue.ListKind:
		return e.exportItems(value)
	case cue.StringKind:
		return value.String()
	case cue.BoolKind:
		return value.Bool()
	case cue.IntKind:
		if number, err := value.Int64(); err == nil {
			return number, nil
		}
	}
	var other any
	err := decode(value, &other)
	return other, err
}

func (e exporter) exportFields(value cue.Value) (fields map[string]any, err error) {
	core := value.Core()
	fields = make(map[string]any, len(core.V.Arcs))
	for _, arc := range core.V.Arcs {
		if arc.ArcType.Token() == token.NOT {
			return nil, decode(value, &fields) // CUE's error about a required field
		}
		if !arc.Label.IsString() || arc.IsConstraint() {
			continue // a hidden or an optional field, or a definition
		}
		e.cursor.Core().V.BaseValue = arc
		if fields[arc.Label.StringValue(core.R)], err = e.export(); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func (e exporter) exportItems(value cue.Value) ([]any, error) {
	core := value.Core()
	items := make([]any, 0, len(core.V.Arcs))
	for arc := range core.V.Elems() {
		e.cursor.Core().V.BaseValue = arc
		item, err := e.export()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func decodeField(value cue.Value, field string, into any) error {
	return decode(lookup(value, field), into)
}

func lookup(value cue.Value, field string) cue.Value {
	return value.LookupPath(cue.MakePath(cue.Str(field)))
}

// decode reads a value by way of JSON.
func decode(value cue.Value, into any) error {
	content, err := value.MarshalJSON()
	if err != nil {
		return firstError(err)
	}
	return json.Unmarshal(content, into)
}
