package controller_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const divided = "endpoint: {host: web.NAMESPACE.example, kind: VirtualService, traffic: {backends: [{name: next, weight: 20}]}}"

const next = `
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: next}
spec: {model: org/next, accelerator: {type: atom, count: 1}, service: {port: 8080}, inferenceServer: {replicas: 1}}
`

func TestTrafficFollowsTheReadinessOfBackends(t *testing.T) {
	f := newFixture(t)
	f.Apply(replace("endpoint: {host: web.NAMESPACE.example, kind: VirtualService}", divided))
	f.settle()
	f.awaitRoute(map[string]int64{"web": 80}, "next (missing)")

	f.Apply(next)
	f.awaitRoute(map[string]int64{"web": 80, "next:8080": 20}, "")

	f.Patch(f.NpuDeploy("next"), `{"spec":{"service":{"port":8081}}}`)
	f.awaitRoute(map[string]int64{"web": 80, "next:8081": 20}, "")

	f.Patch(f.NpuDeploy("next"), `{"spec":{"inferenceServer":{"replicas":0}}}`)
	f.awaitRoute(map[string]int64{"web": 80}, "next (scaled to zero)")

	f.Patch(f.NpuDeploy("web"), `{"spec":{"endpoint":{"traffic":{"unready":"Keep"}}}}`)
	f.awaitRoute(map[string]int64{"web": 80, "next:8081": 20}, "weights are kept for next")

	f.Delete(f.NpuDeploy("next"))
	f.awaitRoute(map[string]int64{"web": 80, "next": 20}, "next (missing)")
	f.AwaitQuiet(f.Harness, f.Namespace, 500*time.Millisecond)
}

func TestPromotionAndRollBackRestartNoPod(t *testing.T) {
	f := newFixture(t)
	f.Apply(next)
	f.Apply(replace("endpoint: {host: web.NAMESPACE.example, kind: VirtualService}", divided))
	f.settle()
	f.awaitRoute(map[string]int64{"web": 80, "next:8080": 20}, "")
	before := f.pods()
	for _, step := range []struct {
		backends string
		want     map[string]int64
	}{
		{`[{"name":"web","weight":0},{"name":"next","weight":100}]`, map[string]int64{"next:8080": 100}},
		{`[{"name":"web","weight":100},{"name":"next","weight":0}]`, map[string]int64{"web": 100}},
	} {
		f.Patch(f.NpuDeploy("web"), `{"spec":{"endpoint":{"traffic":{"backends":`+step.backends+`}}}}`)
		f.awaitRoute(step.want, "")
	}
	f.settle()
	if diff := cmp.Diff(before, f.pods()); diff != "" || len(before) != 2 {
		t.Errorf("pods (-before +after):\n%s", diff)
	}
}

// awaitRoute waits until the VirtualService has the weights, by name and by port if that is not 80,
// and condition Endpoint reports them with the text.
func (f *fixture) awaitRoute(want map[string]int64, text string) {
	f.Helper()
	web := f.NpuDeploy("web")
	f.AwaitObject(web, "the weights", func() bool {
		condition := f.Condition(web, v1.ConditionEndpoint)
		route := f.Find(virtualService, "web")
		return route != nil && condition != nil && condition.Status == metav1.ConditionTrue &&
			condition.ObservedGeneration == web.Generation && cmp.Equal(want, weightsOf(route)) &&
			strings.Contains(condition.Message, text) && (text != "" || !strings.Contains(condition.Message, ";"))
	})
}

func weightsOf(route *unstructured.Unstructured) map[string]int64 {
	weights := map[string]int64{}
	rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "http")
	for _, rule := range rules {
		routes, _, _ := unstructured.NestedSlice(rule.(map[string]any), "route")
		for _, each := range routes {
			host, _, _ := unstructured.NestedString(each.(map[string]any), "destination", "host")
			port, _, _ := unstructured.NestedInt64(each.(map[string]any), "destination", "port", "number")
			name, _, _ := strings.Cut(host, ".")
			if port != 80 {
				name += ":" + map[int64]string{8080: "8080", 8081: "8081"}[port]
			}
			weights[name], _, _ = unstructured.NestedInt64(each.(map[string]any), "weight")
		}
	}
	return weights
}

// pods returns the UIDs of all pods of the namespace, sorted.
func (f *fixture) pods() []string {
	f.Helper()
	var pods corev1.PodList
	f.Must(f.Client.List(f.Context(), &pods, client.InNamespace(f.Namespace)))
	var uids []string
	for i := range pods.Items {
		uids = append(uids, string(pods.Items[i].UID))
	}
	slices.Sort(uids)
	return uids
}
