package lifecycle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

// externalMetrics serves the API external.metrics.k8s.io, as an adapter does. A metric without a value has no
// series.
type externalMetrics struct {
	mu     sync.Mutex
	values map[string]int
}

func (m *externalMetrics) set(values map[string]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = values
}

func (m *externalMetrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var response any = metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "external.metrics.k8s.io/v1beta1",
		APIResources: []metav1.APIResource{},
	}
	if name := path.Base(r.URL.Path); name != "v1beta1" {
		items := []map[string]any{}
		if value, hasSeries := m.values[name]; hasSeries {
			items = append(items, map[string]any{"metricName": name, "timestamp": metav1.Now(), "value": strconv.Itoa(value)})
		}
		response = map[string]any{"kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "items": items}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(response) // The API server asks again.
}

// register makes the API server forward the API to a server of the test.
func (m *externalMetrics) register(h *harness.Harness) {
	h.Helper()
	server := httptest.NewTLSServer(m)
	h.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	h.Must(err)
	h.Apply(`{apiVersion: v1, kind: Service, metadata: {name: adapter}, spec: {type: ExternalName, externalName: localhost}}`)
	const service = "v1beta1.external.metrics.k8s.io"
	h.Apply(fmt.Sprintf(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: %s}, spec: {
		group: external.metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100,
		insecureSkipTLSVerify: true, service: {name: adapter, namespace: %s, port: %s}}}`, service, h.Namespace, address.Port()))
	h.Cleanup(func() {
		if _, err := h.Cluster().Kubectl(context.WithoutCancel(h.Context()), "delete", "apiservice", service); err != nil {
			h.Error(err)
		}
	})
}

// Kubernetes' own autoscaler runs. The metrics of the server vanish with its last pod.
func TestAutoscalerOfKubernetesRemovesTheLastPodAndStartsOne(t *testing.T) {
	h := harness.New(t)
	metrics := &externalMetrics{}
	metrics.register(h)
	f := folder{h, h.TempDir(), &logLines{}}
	h.Must(os.CopyFS(f.path, nufi.Module()))
	f.policy("scaleDownSeconds: 600", `scaleDownSeconds: 0
		zero: {kinds: ["Ingress"], metric: "waiting", matchLabels: {host: "$(HOST)"}, idleSeconds: 1}`)
	controllertest.Start(h, controller.Options{TemplatesDir: f.path})

	metrics.set(map[string]int{"vllm_num_requests_running": 0, "waiting": 0})
	h.Apply(strings.Replace(manifest, "inferenceServer: {replicas: 1}", `endpoint: {kind: Ingress, host: web.example.com}
  scaling: {min: 0, max: 2, metric: RunningRequests, target: 8}`, 1))
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "web"}}
	await := func(replicas int32) {
		h.Helper()
		h.AwaitObject(web, fmt.Sprintf("%d replicas", replicas), func() bool { return *web.Spec.Replicas == replicas })
	}
	await(0)
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)
	metrics.set(map[string]int{"waiting": 1})
	await(1)
}
