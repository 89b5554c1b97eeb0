package apply

import (
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// covers reports whether an object has the fields of a decoded manifest with the same values. It reads the object in its
// own type, which is cheaper than a conversion, and has no answer for some equal values: then it returns false.
func covers(stored reflect.Value, sent any) bool {
	for stored.Kind() == reflect.Pointer || stored.Kind() == reflect.Interface {
		stored = stored.Elem()
	}
	if !stored.IsValid() {
		return false
	}
	switch sent := sent.(type) {
	case map[string]any:
		return coversFields(stored, sent)
	case []any:
		return coversItems(stored, sent)
	}
	return isScalar(stored, sent)
}

func coversFields(stored reflect.Value, sent map[string]any) bool {
	switch {
	case stored.Kind() == reflect.Map && stored.Type().Key().Kind() == reflect.String:
		for name, field := range sent {
			if !covers(stored.MapIndex(reflect.ValueOf(name).Convert(stored.Type().Key())), field) {
				return false
			}
		}
		return true
	case stored.Kind() == reflect.Struct:
		indexes := fieldIndexes(stored.Type())
		for name, field := range sent {
			index, isField := indexes[name]
			if !isField || !covers(stored.FieldByIndex(index), field) {
				return false
			}
		}
		return true
	}
	return false
}

func coversItems(stored reflect.Value, sent []any) bool {
	if stored.Kind() != reflect.Slice || stored.Len() != len(sent) {
		return false
	}
	for i, item := range sent {
		if !covers(stored.Index(i), item) {
			return false
		}
	}
	return true
}

func isScalar(stored reflect.Value, sent any) bool {
	switch {
	case stored.Kind() == reflect.String:
		return sent == stored.String()
	case stored.Kind() == reflect.Bool:
		return sent == stored.Bool()
	case stored.CanInt():
		return sent == stored.Int()
	}
	switch stored := stored.Interface().(type) {
	case resource.Quantity:
		return sent == stored.String()
	case intstr.IntOrString:
		return sent == stored.StrVal && stored.Type == intstr.String || sent == int64(stored.IntVal) && stored.Type == intstr.Int
	}
	return false
}

// indexesByType has the fields of structs by their names in JSON.
var indexesByType sync.Map //nolint:gochecknoglobals // Its state has no effect on results.

// fieldIndexes returns the fields of a struct by their names in JSON.
func fieldIndexes(structType reflect.Type) map[string][]int {
	if known, ok := indexesByType.Load(structType); ok {
		return known.(map[string][]int) //nolint:forcetypeassert // No other type is stored.
	}
	indexes := map[string][]int{}
	for i := range structType.NumField() {
		field := structType.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name != "":
			indexes[name] = []int{i}
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			for name, index := range fieldIndexes(field.Type) {
				indexes[name] = append([]int{i}, index...)
			}
		}
	}
	indexesByType.Store(structType, indexes)
	return indexes
}
