package apply_test

import (
	"encoding/json"
	"testing"

	"github.com/dudaji/nufi/controller/apply"
)

func TestLostFieldIsNotOwned(t *testing.T) {
	t.Parallel()
	const value = `{"replicas": 1, "selector": {"app": "web"}, "volume": {}, "args": ["a"], "finalizers": ["x"],
		"containers": [{"name": "server", "ports": [{"containerPort": 8000}, {"containerPort": 9000}]}]}`
	const all = `{"f:replicas": {}, "f:selector": {}, "f:volume": {}, "f:args": {}, "f:finalizers": {"v:\"x\"": {}}, "f:containers": {
		"k:{\"name\":\"server\"}": {".": {}, "f:name": {}, "f:ports": {
			"k:{\"containerPort\":8000,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
			"k:{\"containerPort\":9000,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}`
	decode := func(text string) (decoded map[string]any) {
		if err := json.Unmarshal([]byte(text), &decoded); err != nil {
			t.Fatal(err)
		}
		return decoded
	}
	child := func(fields map[string]any, path ...string) map[string]any {
		for _, name := range path {
			fields = fields[name].(map[string]any)
		}
		return fields
	}
	if !apply.OwnsValue(decode(all), decode(value)) {
		t.Error("all fields are owned")
	}
	server := []string{"f:containers", `k:{"name":"server"}`}
	for name, path := range map[string][]string{
		"a scalar":           {"f:replicas"},
		"an atomic map":      {"f:selector"},
		"an empty map":       {"f:volume"},
		"an atomic list":     {"f:args"},
		"a value of a set":   {"f:finalizers", `v:"x"`},
		"an item":            server,
		"a field of an item": append(server, "f:ports"),
		"an item of an item": append(server, "f:ports", `k:{"containerPort":9000,"protocol":"TCP"}`),
	} {
		fields := decode(all)
		parent := child(fields, path[:len(path)-1]...)
		delete(parent, path[len(path)-1])
		if len(parent) == 0 { // The API server leaves out an empty set.
			delete(child(fields, path[:len(path)-2]...), path[len(path)-2])
		}
		if apply.OwnsValue(fields, decode(value)) {
			t.Errorf("%s is lost, and all fields appear to be owned", name)
		}
	}
}
