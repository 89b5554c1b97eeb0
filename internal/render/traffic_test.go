package render_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Each case is the weights of spec.endpoint.traffic of NpuDeploy a, the backends' states, and the
// weights in the route.
func TestTrafficGoesToReadyBackendsInProportion(t *testing.T) {
	t.Parallel()
	const ready, notReady, zero, missing = v1.BackendReady, v1.BackendNotReady, v1.BackendScaledToZero, v1.BackendMissing
	type states = map[string]v1.BackendState
	for name, test := range map[string]struct {
		traffic string
		states  states
		want    map[string]int64
	}{
		"as written":                         {"{backends: [{name: a, weight: 7}, {name: b, weight: 2}]}", nil, map[string]int64{"a": 7, "b": 2}},
		"the own weight is left of 100":      {"{backends: [{name: b, weight: 20}]}", nil, map[string]int64{"a": 80, "b": 20}},
		"nothing is left":                    {"{backends: [{name: b, weight: 60}, {name: c, weight: 60}]}", nil, map[string]int64{"b": 60, "c": 60}},
		"one backend":                        {"{backends: [{name: b, weight: 100}]}", nil, map[string]int64{"b": 100}},
		"not ready":                          {"{backends: [{name: b, weight: 20}, {name: c, weight: 30}]}", states{"b": notReady, "c": ready}, map[string]int64{"a": 50, "c": 30}},
		"missing, and the own scaled down":   {"{backends: [{name: b, weight: 20}, {name: c, weight: 30}]}", states{"a": zero, "b": missing, "c": ready}, map[string]int64{"c": 30}},
		"none is ready":                      {"{backends: [{name: b, weight: 20}]}", states{"a": zero, "b": missing}, map[string]int64{"a": 80, "b": 20}},
		"the others with a share are not":    {"{backends: [{name: a, weight: 0}, {name: b, weight: 3}]}", states{"a": ready, "b": missing}, map[string]int64{"b": 3}},
		"kept":                               {"{unready: Keep, backends: [{name: b, weight: 20}]}", states{"b": missing}, map[string]int64{"a": 80, "b": 20}},
		"more than the Gateway API's weight": {"{backends: [{name: a, weight: 999999999}, {name: b, weight: 1}]}", nil, map[string]int64{"a": 999999, "b": 1}},
		"a match alone":                      {"{matches: [{headers: {x: {exact: y}}, backend: b}]}", nil, map[string]int64{"a": 100}},
	} {
		for _, kind := range []v1.EndpointKind{v1.EndpointVirtualService, v1.EndpointHTTPRoute} {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				result := renderTraffic(t, kind, test.traffic, test.states)
				if diff := cmp.Diff(test.want, weightsIn(t, result)); diff != "" {
					t.Errorf("route (-want +got):\n%s", diff)
				}
				reported := map[string]int64{}
				for _, share := range result.Resolved.Traffic {
					if share.Weight > 0 {
						reported[share.Name] = int64(share.Weight)
					}
				}
				if diff := cmp.Diff(test.want, reported); diff != "" {
					t.Errorf("status (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// The share of a backend of steps is an input; without one, it is the first.
func TestStepsDivideTheRequestsByTheRecordedShare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		traffic string
		share   int32 // 0: rolled back; negative: not recorded
		want    map[string]int64
	}{
		"the first share":        {"{steps: {backend: b}}", -1, map[string]int64{"a": 95, "b": 5}},
		"shares of the spec":     {"{steps: {backend: b, shares: [10, 100]}}", -1, map[string]int64{"a": 90, "b": 10}},
		"a later share":          {"{steps: {backend: b}}", 50, map[string]int64{"a": 50, "b": 50}},
		"the last share":         {"{steps: {backend: b}}", 100, map[string]int64{"b": 100}},
		"rolled back":            {"{steps: {backend: b}}", 0, map[string]int64{"a": 100}},
		"others in proportion":   {"{backends: [{name: a, weight: 3}, {name: c, weight: 1}], steps: {backend: b}}", 25, map[string]int64{"a": 225, "c": 75, "b": 100}},
		"an other without any":   {"{backends: [{name: a, weight: 7}, {name: c, weight: 0}], steps: {backend: b}}", 25, map[string]int64{"a": 75, "b": 25}},
		"the own share grows":    {"{backends: [{name: b, weight: 1}], steps: {backend: a}}", 25, map[string]int64{"b": 75, "a": 25}},
		"a backend with matches": {"{matches: [{headers: {x: {exact: y}}, backend: b}], steps: {backend: b}}", 25, map[string]int64{"a": 75, "b": 25}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deploy := typed(t, fmt.Appendf(nil, `
metadata: {name: a}
spec: {model: org/model, accelerator: {type: atom, count: 1}, endpoint: {host: a.example, traffic: %s}}`, test.traffic))
			steps := deploy.Spec.Endpoint.Traffic.Steps
			if test.share >= 0 {
				deploy.Status.Traffic = []v1.TrafficStatus{{Name: "a", State: v1.BackendReady}, {Name: "b", State: v1.BackendReady}}
				deploy.Status.TrafficSteps = &v1.TrafficStepsStatus{Backend: steps.Backend, Share: test.share}
			}
			result, err := compiled(t).Render(deploy, render.ProjectSettings{}, render.ReportedBackends(deploy)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, weightsIn(t, result)); diff != "" {
				t.Errorf("route (-want +got):\n%s", diff)
			}
			if got := result.Resolved.Steps; got == nil || got.Backend != steps.Backend || got.Seconds != 600 || len(got.Shares) < 2 || got.MinRequests == 0 {
				t.Errorf("the resolved steps are %+v", got)
			}
			if deploy.Spec.Endpoint.Traffic.Steps.Retries++; render.RecordedShare(deploy, steps.Backend) != nil {
				t.Error("the share of other retries applies")
			}
		})
	}
}

func TestMatchOfAnUnreadyBackendIsLeftOut(t *testing.T) {
	t.Parallel()
	const traffic = "{matches: [{headers: {x: {exact: y}}, backend: b}]}"
	for state, want := range map[v1.BackendState]int{v1.BackendReady: 2, v1.BackendMissing: 1} {
		for _, kind := range []v1.EndpointKind{v1.EndpointVirtualService, v1.EndpointHTTPRoute} {
			rules := rulesIn(t, renderTraffic(t, kind, traffic, map[string]v1.BackendState{"a": v1.BackendReady, "b": state}))
			if len(rules) != want {
				t.Errorf("%s, %s: got %d rules, want %d", kind, state, len(rules), want)
			}
		}
	}
}

func renderTraffic(t *testing.T, kind v1.EndpointKind, traffic string, states map[string]v1.BackendState) *render.Result {
	t.Helper()
	deploy := typed(t, fmt.Appendf(nil, `
metadata: {name: a}
spec: {model: org/model, accelerator: {type: atom, count: 1}, endpoint: {host: a.example, kind: %s, traffic: %s}}`, kind, traffic))
	var backends []render.Backend
	for _, name := range render.BackendNames(deploy) {
		if state, ok := states[name]; ok {
			backends = append(backends, render.Backend{Name: name, State: state, Port: 8080})
		}
	}
	result, err := compiled(t).Render(deploy, render.ProjectSettings{}, backends...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// rulesIn returns the rules of the route.
func rulesIn(t *testing.T, result *render.Result) []any {
	t.Helper()
	for _, object := range result.Objects {
		for _, field := range []string{"http", "rules"} {
			if rules, ok, _ := unstructured.NestedSlice(object.Object, "spec", field); ok {
				return rules
			}
		}
	}
	t.Fatal("no route is rendered")
	return nil
}

// weightsIn returns the weights of the last rule of the route.
func weightsIn(t *testing.T, result *render.Result) map[string]int64 {
	t.Helper()
	rules := rulesIn(t, result)
	rule := rules[len(rules)-1].(map[string]any)
	weights := map[string]int64{}
	if refs, ok := rule["backendRefs"].([]any); ok {
		for _, ref := range refs {
			backend := ref.(map[string]any)
			weights[backend["name"].(string)] = backend["weight"].(int64)
		}
		return weights
	}
	for _, route := range rule["route"].([]any) {
		host, _, _ := unstructured.NestedString(route.(map[string]any), "destination", "host")
		weights[host[:1]] = route.(map[string]any)["weight"].(int64)
	}
	return weights
}
