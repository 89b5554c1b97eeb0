package openapi

import (
	"path"
	"reflect"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// schemas are the document's components. A Go struct becomes one by its name.
type schemas struct {
	components map[string]any
	names      map[reflect.Type]string
}

func newSchemas() *schemas {
	return &schemas{components: map[string]any{}, names: map[reflect.Type]string{}}
}

// define adds a component by a name.
func (s *schemas) define(name string, schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		s.components[name] = schema
	default:
		kind := reflect.TypeOf(schema)
		s.names[kind] = name
		s.components[name] = s.structSchema(kind)
	}
}

// contents returns the schema of each media type.
func (s *schemas) contents(contents ...Content) map[string]any {
	described := map[string]any{}
	for _, content := range contents {
		for _, media := range content.Types {
			described[media] = map[string]any{"schema": s.of(content.Schema)}
		}
	}
	return described
}

func (s *schemas) of(schema any) map[string]any {
	switch schema := schema.(type) {
	case nil:
		return map[string]any{"type": "string", "format": "binary"}
	case Ref:
		return schema.Schema()
	case map[string]any:
		return schema
	}
	return s.ofType(reflect.TypeOf(schema))
}

// ofType describes a Go type as encoding/json writes it.
func (s *schemas) ofType(kind reflect.Type) map[string]any {
	if isTime(kind) {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch kind.Kind() {
	case reflect.Pointer:
		return s.ofType(kind.Elem())
	case reflect.Struct:
		return s.of(s.component(kind))
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": s.ofType(kind.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.ofType(kind.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer", "format": "int64"}
	case reflect.Int32:
		return map[string]any{"type": "integer", "format": "int32"}
	default: // an interface: anything
		return map[string]any{}
	}
}

func isTime(kind reflect.Type) bool {
	return kind == reflect.TypeFor[time.Time]() || kind == reflect.TypeFor[metav1.Time]()
}

// component returns the component of a struct, by the name of its type, or with its package
// where the name is taken.
func (s *schemas) component(kind reflect.Type) Ref {
	if name, ok := s.names[kind]; ok {
		return Ref(name)
	}
	name := capitalize(kind.Name())
	if _, taken := s.components[name]; taken {
		name = capitalize(path.Base(kind.PkgPath())) + name
	}
	s.names[kind] = name
	s.components[name] = map[string]any{} // reserves the name: types may be recursive
	s.components[name] = s.structSchema(kind)
	return Ref(name)
}

func capitalize(name string) string {
	return string(unicode.ToUpper(rune(name[0]))) + name[1:]
}

// structSchema reads the tags doc, a description, enum, the values of a string, and schema, the name of a
// component that describes the field.
func (s *schemas) structSchema(kind reflect.Type) map[string]any {
	schema := map[string]any{"type": "object"}
	properties := map[string]any{}
	if required := s.addFields(kind, properties); len(required) > 0 {
		schema["required"] = required
	}
	schema["properties"] = properties
	return schema
}

// addFields adds the fields of a struct, and those of the structs that it embeds, and returns
// the names of the required ones.
func (s *schemas) addFields(kind reflect.Type, properties map[string]any) (required []string) {
	for field := range kind.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			required = append(required, s.addFields(field.Type, properties)...)
			continue
		case name == "-" || name == "":
			continue
		}
		schema := s.ofField(field)
		if values := field.Tag.Get("enum"); values != "" {
			schema["enum"] = strings.Split(values, ",")
		}
		if doc := field.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		properties[name] = schema
		if options == "" {
			required = append(required, name)
		}
	}
	return required
}

func (s *schemas) ofField(field reflect.StructField) map[string]any {
	if name := field.Tag.Get("schema"); name != "" {
		return Ref(name).Schema()
	}
	return s.ofType(field.Type)
}
