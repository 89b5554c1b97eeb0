package render_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// Evaluation has no budget, so that each field of our own types and each list of Kubernetes'
// types must be bounded.
func TestEveryFieldIsBounded(t *testing.T) {
	for _, kind := range kinds() {
		spec := newAPIServer(t, kind).structural.Properties["spec"]
		checkBounds(t, kind.name+".spec", kind.spec, &spec)
	}
}

// checkBounds also compares the fields of the Go type and of the schema.
func checkBounds(t *testing.T, path string, goType reflect.Type, at *schema.Structural) {
	t.Helper()
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	bounds := at.ValueValidation
	if bounds == nil {
		bounds = &schema.ValueValidation{}
	}
	bounded := true
	switch kind := goType.Kind(); {
	case kind == reflect.String:
		bounded = bounds.MaxLength != nil || bounds.Enum != nil
	case kind == reflect.Bool:
	case kind == reflect.Int32, kind == reflect.Int64:
		bounded = bounds.Minimum != nil && bounds.Maximum != nil
	case kind == reflect.Slice:
		bounded = bounds.MaxItems != nil
		checkBounds(t, path+"[]", goType.Elem(), at.Items)
	case kind == reflect.Map:
		bounded = bounds.MaxProperties != nil
		checkBounds(t, path+"[key]", goType.Elem(), at.AdditionalProperties.Structural)
	case kind == reflect.Struct && strings.HasPrefix(goType.PkgPath(), "k8s.io/"):
	case kind == reflect.Struct:
		checkFields(t, path, goType, at)
	default:
		t.Errorf("%s: %s is a type without bounds", path, goType)
	}
	if !bounded {
		t.Errorf("%s has no bound", path)
	}
}

func checkFields(t *testing.T, path string, goType reflect.Type, at *schema.Structural) {
	t.Helper()
	var names []string
	for field := range goType.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
		property, ok := at.Properties[name]
		if !ok {
			t.Errorf("%s.%s is in the Go type and not in the CRD", path, name)
			continue
		}
		checkBounds(t, path+"."+name, field.Type, &property)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(at.Properties))); diff != "" {
		t.Errorf("%s (-Go +CRD):\n%s", path, diff)
	}
}

// A default that the API server writes into a spec would not follow a later policy.
func TestCRDsHaveNoDefaults(t *testing.T) {
	visitor := schema.Visitor{Structural: func(at *schema.Structural) bool {
		if at.Default.Object != nil {
			t.Errorf("a field has the default %v: %s", at.Default.Object, at.Description)
		}
		return false
	}}
	for _, kind := range kinds() {
		visitor.Visit(newAPIServer(t, kind).structural)
	}
}
