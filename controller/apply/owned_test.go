package apply_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/controller/apply"
)

const anObject = `
apiVersion: v1
kind: Service
metadata:
  name: web
  resourceVersion: "1"
  labels: {a: b, c: d}
  finalizers: [x/y, z/z]
  managedFields:
  - manager: nufi-controller
    operation: Apply
    time: "2026-01-01T00:00:00Z"
    fieldsV1:
      f:metadata: {f:labels: {f:a: {}}, f:finalizers: {'v:"x/y"': {}}}
      f:spec:
        f:ports: {'k:{"port":80,"protocol":"TCP"}': {.: {}, f:port: {}, f:name: {}}}
        f:selector: {}
  - {manager: other, operation: Update, fieldsV1: {f:spec: {f:type: {}}}}
spec:
  type: ClusterIP
  ports:
  - {port: 80, protocol: TCP, name: http, nodePort: 1}
  - {port: 81, protocol: TCP, name: other}
  selector: {app: web}
`

func TestOnlyOurFieldsMakeADifference(t *testing.T) {
	for name, row := range map[string]struct {
		change  []string
		drifted bool
	}{
		"a resource version":         {[]string{`resourceVersion: "1"`, `resourceVersion: "2"`}, false},
		"the time of our entry":      {[]string{"2026-01-01", "2026-02-02"}, false},
		"another's field":            {[]string{"type: ClusterIP", "type: NodePort"}, false},
		"another's label":            {[]string{"c: d", "c: e"}, false},
		"another's finalizer":        {[]string{", z/z", ""}, false},
		"another's item":             {[]string{"name: other", "name: another"}, false},
		"another's field in an item": {[]string{"nodePort: 1", "nodePort: 2"}, false},
		"the order of items":         {[]string{"  - {port: 80, protocol: TCP, name: http, nodePort: 1}\n  - {port: 81, protocol: TCP, name: other}", "  - {port: 81, protocol: TCP, name: other}\n  - {port: 80, protocol: TCP, name: http, nodePort: 1}"}, false},
		"our label":                  {[]string{"a: b", "a: x"}, true},
		"our label, gone":            {[]string{"{a: b, c: d}", "{c: d}"}, true},
		"our finalizer":              {[]string{"[x/y, z/z]", "[z/z]"}, true},
		"our field in an item":       {[]string{"name: http", "name: grpc"}, true},
		"our item, gone":             {[]string{"port: 80, protocol: TCP, name", "port: 82, protocol: TCP, name"}, true},
		"a field taken from us":      {[]string{"        f:selector: {}\n", ""}, true},
		"our entry":                  {[]string{"manager: nufi-controller", "manager: somebody"}, true},
		"an update under our name":   {[]string{"operation: Apply", "operation: Update"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := summarized(t, anObject), summarized(t, with(anObject, row.change...))
			if got := apply.Drifted(before, after); got != row.drifted {
				t.Errorf("drifted: %t, want %t", got, row.drifted)
			}
		})
	}
}

func summarized(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	content, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if err := object.UnmarshalJSON(content); err != nil {
		t.Fatal(err)
	}
	for range 2 { // An informer may do so twice.
		if err := apply.Summarize(object); err != nil {
			t.Fatal(err)
		}
	}
	if len(object.GetManagedFields()) != 0 {
		t.Error("managed fields are kept")
	}
	return object
}
