package dashboard

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/render"
)

const formYAML = `# the first comment
kind: NpuDeploy
metadata:
  name: "a"   # its name

spec:
  model: org/a # the model

  accelerator: {type: atom, count: 4}
  unknown:
    - kept   # as it is
  inferenceServer:
    # the image
    image: 'a:1'
`

func TestFormChangesOnlyItsFields(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, field, value string
		from, to           string // of the text; to is the whole text if from is empty
	}{
		{"plain scalar", "model", "org/b", "org/a #", "org/b #"},
		{"quoted scalar", "name", "b", `"a"   #`, "b   #"},
		{"single quotes", "image", "b:2", "'a:1'", "b:2"},
		{"value that needs quotes", "model", "1.0", "org/a #", `"1.0" #`},
		{"flow mapping", "devicesEach", "8", "count: 4", "count: 8"},
		{"no number", "devicesEach", "x", "count: 4", "count: x"},
		{"new field", "replicas", "2", "    image: 'a:1'\n", "    image: 'a:1'\n    replicas: 2\n"},
		{"new mapping", "modelCache", "HostPath", "    image: 'a:1'\n", "    image: 'a:1'\n  modelCache:\n    kind: HostPath\n"},
		{"default endpoint", "endpoint", "default", "    image: 'a:1'\n", "    image: 'a:1'\n  endpoint: {}\n"},
		{"removed", "model", "", "  model: org/a # the model\n", ""},
		{"hostile", "model", "a\n  b: {c", "org/a # the model\n", "|-\n    a\n      b: {c\n"},
	} {
		form := url.Values{test.field: {test.value}, basePrefix + test.field: {"before"}}
		got, err := mergeForm(formYAML, form)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if test.name == "hostile" { // A text of several lines is formatted anew.
			if document, _, err := parseYAML(got); err != nil || fieldOf(document.Content[0], "spec", "model").Value != test.value || !strings.Contains(got, "# as it is") {
				t.Errorf("%s: %v\n%s", test.name, err, got)
			}
			continue
		}
		if want := strings.Replace(formYAML, test.from, test.to, 1); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got, want)
		}
	}
}

func TestFormRemovesMappingsThatBecomeEmpty(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, field, value, want string }{
		{"spec:\n  inferenceServer:\n    image: a\n", "image", "", "spec: {}\n"},
		{"spec:\n  model: a\n  endpoint:\n    kind: Ingress\n    host: a.b\n", "endpoint", "", "spec:\n  model: a\n"},
		{"spec:\n  endpoint:\n    kind: Ingress\n    host: a.b\n", "endpoint", "default", "spec:\n  endpoint:\n    host: a.b\n"},
		{"spec:\n  endpoint:\n    kind: Ingress\n", "endpoint", "default", "spec:\n  endpoint: {}\n"},
		{"", "model", "a", "spec:\n  model: a\n"},
		{"spec:\n", "model", "a", "spec:\n  model: a\n"},
		{"spec: {model: ''}", "model", "a", "spec: {model: a}"},
	} {
		got, err := mergeForm(test.text, url.Values{test.field: {test.value}, basePrefix + test.field: {"before"}})
		if err != nil || got != test.want {
			t.Errorf("%q with %s %q is %q, %v, want %q", test.text, test.field, test.value, got, err, test.want)
		}
	}
}

func TestFormDoesNotReplaceOtherValues(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a: [", "- a", "a: 1\na: 2", "a: 1\n---\nb: 2", "spec: text", "x: &x {model: a}\nspec: *x"} {
		got, err := mergeForm(text, url.Values{"model": {"b"}, basePrefix + "model": {"a"}})
		if err == nil || got != text {
			t.Errorf("%q becomes %q without an error", text, got)
		}
	}
	if got, err := mergeForm(formYAML, url.Values{"model": {"org/a"}, basePrefix + "model": {"org/a"}, "image": {"x"}}); err != nil || got != formYAML {
		t.Errorf("without a change the text becomes %s, %v", got, err)
	}
}

func TestFormShowsTheYAML(t *testing.T) {
	t.Parallel()
	document, _, err := parseYAML(formYAML)
	if err != nil {
		t.Fatal(err)
	}
	catalogue := &render.Catalogue{Accelerators: []render.Accelerator{{Name: "atom", Counts: []int64{1, 2, 4}}}}
	fields := newForm(document.Content[0], catalogue, englishWords(), []problem.FieldError{
		{Field: "spec.accelerator.count", Message: "no count"}, {Field: "spec.accelerator", Message: "no type"}, {Field: "spec.unknown", Message: "unknown"},
	})
	values, errs := map[string]string{}, map[string][]string{}
	for _, field := range fields {
		if field.Value != "" {
			values[field.Name] = field.Value
		}
		if field.Errors != nil {
			errs[field.Name] = field.Errors
		}
		if field.Name == "devicesEach" && field.Hint() != "1, 2, 4" {
			t.Errorf("the counts are %s", field.Hint())
		}
	}
	if want := map[string]string{"name": "a", "model": "org/a", "accelerator": "atom", "devicesEach": "4", "image": "a:1"}; !reflect.DeepEqual(values, want) {
		t.Errorf("the values are %v", values)
	}
	if want := map[string][]string{"devicesEach": {"no count"}, "accelerator": {"no type"}}; !reflect.DeepEqual(errs, want) {
		t.Errorf("the errors are %v", errs)
	}
	for _, text := range []string{"spec: {model: [a]}", "spec: {model: {a: b}}"} {
		document, _, _ := parseYAML(text)
		if field := newForm(document.Content[0], catalogue, englishWords(), nil)[1]; !field.Locked {
			t.Errorf("%s: the field can be changed", text)
		}
	}
}

func FuzzFormSetsOneField(f *testing.F) {
	f.Add(formYAML, "org/b")
	f.Add("spec: {model: \"a\\\"b\" }", "x: y")
	f.Add("?", "0") // a key without a value
	f.Add("spec:\n  model: >\n    a\n    b\n", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		for _, node := range []*yamlv3.Node{{Kind: yamlv3.ScalarNode, Tag: "!!str", Value: value}, nil} {
			got, err := setYAML(text, node, "spec", "model")
			if err != nil {
				continue
			}
			if _, _, err := parseYAML(got); err != nil {
				t.Fatalf("%q becomes %q: %v", text, got, err)
			}
		}
	})
}
