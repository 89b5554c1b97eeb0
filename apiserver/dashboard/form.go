package dashboard

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// basePrefix begins the names of the hidden inputs with the value that a field was shown with.
// A field with another value has been changed in the form.
const basePrefix = "base."

// defaultEndpoint is the value of the field endpoint for an endpoint of the default kind.
const defaultEndpoint = "default"

// formField is a field of the form. Its name is also the key of its label in words.
type formField struct {
	Name string
	path []string
}

func formFields() []formField {
	return []formField{
		{"name", []string{"metadata", "name"}},
		{"model", []string{"spec", "model"}},
		{"accelerator", []string{"spec", "accelerator", "type"}},
		{"devicesEach", []string{"spec", "accelerator", "count"}},
		{"replicas", []string{"spec", "inferenceServer", "replicas"}},
		{"endpoint", []string{"spec", "endpoint", "kind"}},
		{"host", []string{"spec", "endpoint", "host"}},
		{"image", []string{"spec", "inferenceServer", "image"}},
		{"modelSize", []string{"spec", "modelSize"}},
		{"modelCache", []string{"spec", "modelCache", "kind"}},
		{"priorityClass", []string{"spec", "inferenceServer", "priorityClassName"}},
		{"updates", []string{"spec", "updates"}},
	}
}

// fieldView is a field as it is shown.
type fieldView struct {
	formField

	Value    string
	Locked   bool // the YAML has a value that a form cannot show
	Options  []option
	IsSelect bool // or the options are suggestions
	Errors   []string
}

// option is a choice of a form or a filter.
type option struct{ Value, Label string }

// value returns the value of the field in a document, and whether the form can change it.
func (f formField) value(root *yamlv3.Node) (string, bool) {
	value, editable := scalarOf(root, f.path...)
	if f.Name != "endpoint" || value != "" {
		return value, editable
	}
	endpoint := fieldOf(root, "spec", "endpoint")
	switch {
	case endpoint == nil || endpoint.Tag == "!!null":
		return "", true
	default:
		return defaultEndpoint, endpoint.Kind == yamlv3.MappingNode
	}
}

var number = regexp.MustCompile(`^-?[0-9]{1,18}$`)

// set returns the text with the field changed to a value of the form.
func (f formField) set(text, value string) (string, error) {
	node := &yamlv3.Node{Kind: yamlv3.ScalarNode, Tag: "!!str", Value: value}
	switch {
	case f.Name == "endpoint" && value == "":
		return setYAML(text, nil, "spec", "endpoint")
	case f.Name == "endpoint" && value == defaultEndpoint:
		document, _, err := parseYAML(text)
		if err != nil {
			return "", err
		}
		if fieldOf(document.Content[0], f.path...) != nil && len(fieldOf(document.Content[0], "spec", "endpoint").Content) > len(f.path)-1 {
			return setYAML(text, nil, f.path...)
		}
		return setYAML(text, &yamlv3.Node{Kind: yamlv3.MappingNode, Style: yamlv3.FlowStyle}, "spec", "endpoint")
	case value == "":
		return setYAML(text, nil, f.path...)
	case (f.Name == "replicas" || f.Name == "devicesEach") && number.MatchString(value):
		node.Tag = "!!int"
	}
	return setYAML(text, node, f.path...)
}

// mergeForm returns the text with the fields that were changed in the form.
func mergeForm(text string, form url.Values) (string, error) {
	for _, field := range formFields() {
		value := strings.TrimSpace(form.Get(field.Name))
		if !form.Has(field.Name) || !form.Has(basePrefix+field.Name) || value == form.Get(basePrefix+field.Name) {
			continue
		}
		changed, err := field.set(text, value)
		if err != nil {
			return text, fmt.Errorf("setting %s: %w", strings.Join(field.path, "."), err)
		}
		text = changed
	}
	return text, nil
}

// newForm returns the fields with their values, choices and errors. The root is nil if the text
// is not YAML.
func newForm(root *yamlv3.Node, catalogue *render.Catalogue, table table, errs []problem.FieldError) []fieldView {
	views := make([]fieldView, 0, len(formFields()))
	for _, field := range formFields() {
		view := fieldView{formField: field, Locked: root == nil}
		if root != nil {
			value, editable := field.value(root)
			view.Value, view.Locked = value, !editable
		}
		views = append(views, view)
	}
	kind := views[slices.IndexFunc(views, func(v fieldView) bool { return v.Name == "accelerator" })].Value
	for i := range views {
		views[i].addOptions(catalogue, kind, table)
	}
	for _, err := range errs {
		if i := fieldIndex(err.Field); i >= 0 {
			views[i].Errors = append(views[i].Errors, err.Message)
		}
	}
	return views
}

// addOptions adds the choices of the catalogue, and the value if it is another.
func (v *fieldView) addOptions(catalogue *render.Catalogue, accelerator string, table table) {
	byDefault := option{"", table.word("default")}
	switch v.Name {
	default: // any text
	case "accelerator":
		v.IsSelect, v.Options = true, []option{{"", table.word("noDevices")}}
		for _, a := range catalogue.Accelerators {
			v.Options = append(v.Options, option{a.Name, a.Name + " (" + a.Vendor + " " + a.Product + ")"})
		}
	case "devicesEach":
		v.Options = counts(catalogue, accelerator)
	case "endpoint":
		byKind := option{defaultEndpoint, table.word("default") + " (" + catalogue.Defaults.Endpoint.Kind + ")"}
		v.IsSelect, v.Options = true, append([]option{{"", table.word("noEndpoint")}, byKind}, optionsOf(catalogue.EndpointKinds...)...)
	case "modelCache":
		v.IsSelect, v.Options = true, append([]option{byDefault}, optionsOf(catalogue.ModelCacheKinds...)...)
	case "priorityClass":
		v.Options = optionsOf(catalogue.Allowed.PriorityClasses...)
	case "updates":
		v.IsSelect, v.Options = true, append([]option{byDefault}, optionsOf(string(v1.UpdateAutomatic), string(v1.UpdateManual))...)
	}
	if v.IsSelect && !slices.ContainsFunc(v.Options, func(o option) bool { return o.Value == v.Value }) {
		v.Options = append(v.Options, option{v.Value, v.Value})
	}
}

func optionsOf(values ...string) []option {
	options := make([]option, len(values))
	for i, value := range values {
		options[i] = option{value, value}
	}
	return options
}

// counts returns the numbers of devices that a model can be split over.
func counts(catalogue *render.Catalogue, accelerator string) []option {
	var options []option
	for _, a := range catalogue.Accelerators {
		for _, count := range a.Counts {
			if a.Name == accelerator {
				options = append(options, option{Value: strconv.FormatInt(count, 10)})
			}
		}
	}
	return options
}

// Hint returns the suggested values, separated by commas.
func (v *fieldView) Hint() string {
	values := make([]string, len(v.Options))
	for i, o := range v.Options {
		values[i] = o.Value
	}
	return strings.Join(values, ", ")
}

// fieldIndex returns the field of the form at or above a path, else the first below it, else -1.
func fieldIndex(path string) int {
	within := func(path, parent string) bool {
		rest, ok := strings.CutPrefix(path, parent)
		return ok && parent != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	fields := formFields()
	i := slices.IndexFunc(fields, func(f formField) bool { return within(path, strings.Join(f.path, ".")) })
	if i < 0 {
		i = slices.IndexFunc(fields, func(f formField) bool { return within(strings.Join(f.path, "."), path) })
	}
	return i
}
