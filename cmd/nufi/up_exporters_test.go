package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/fetchers"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestSimulatedDevicesAreAssignedByPodAge(t *testing.T) {
	pods := []corev1.Pod{
		podWith("late", "atom-0", 1, 2*time.Hour), podWith("early", "atom-0", 2, time.Hour),
		podWith("elsewhere", "atom-1", 4, 0), podWith("done", "atom-0", 4, 0),
	}
	pods[3].Status.Phase = corev1.PodSucceeded
	holders := map[string]string{}
	for _, m := range parse(t, deviceMetrics(nodeWith("atom-0", "rebellions.ai/npu", 4), pods, 0))["rbln_npu_utilization"] {
		holders[m["name"]] = m["pod"]
	}
	want := map[string]string{"rbln0": "early", "rbln1": "early", "rbln2": "late", "rbln3": ""}
	if diff := cmp.Diff(want, holders); diff != "" {
		t.Errorf("holders (-want +got):\n%s", diff)
	}
}

func TestFetchersReadEverySimulatedMetric(t *testing.T) {
	names := map[string]bool{}
	for _, vendor := range fetchers.Vendors() {
		for _, m := range vendor.Metrics {
			for _, name := range m.Names {
				names[name] = true
			}
		}
	}
	for resource := range vendors() {
		metrics := parse(t, deviceMetrics(nodeWith("n", resource, 1), nil, 0))
		if len(metrics) == 0 {
			t.Errorf("%s has no metrics", resource)
		}
		for name := range metrics {
			if !names[name] {
				t.Errorf("%s is not in a vendor's table", name)
			}
		}
	}
	for _, node := range simulatedNodes() {
		if !slices.ContainsFunc(fetchers.Vendors(), func(v fetchers.Vendor) bool { return v.Type == deviceType(node) }) {
			t.Errorf("node %s has devices of type %q", node.Name, deviceType(node))
		}
	}
}

func TestSimulatedCountersIncrease(t *testing.T) {
	pod := podWith("a", "atom-0", 1, 0)
	pod.Labels = map[string]string{v1.LabelDeploy: "llama-8b"}
	pod.Status.Phase = corev1.PodRunning
	waiting := *pod.DeepCopy()
	waiting.Status.Phase = corev1.PodPending
	before, after := serverMetrics([]corev1.Pod{pod, waiting}, 1000), serverMetrics([]corev1.Pod{pod}, 1005)
	for name, m := range parse(t, before) {
		if len(m) > 1 && !strings.HasSuffix(name, "_bucket") {
			t.Errorf("%s has %d series, want 1", name, len(m))
		}
	}
	for _, counter := range []string{"http_requests_total", "vllm:generation_tokens_total", "vllm:time_to_first_token_seconds_count"} {
		if first, second := value(t, before, counter), value(t, after, counter); second <= first {
			t.Errorf("%s changed from %v to %v, want an increase", counter, first, second)
		}
	}
}

func TestMonitoringRequiresPrometheus(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := (upOptions{monitoring: true}).checkMonitoring(); err == nil {
		t.Error("no error without prometheus in the PATH")
	}
	if err := (upOptions{}).checkMonitoring(); err != nil {
		t.Errorf("without --monitoring: %v", err)
	}
}

func TestPrometheusScrapesEveryNodeAndTheController(t *testing.T) {
	config, err := prometheusConfig("127.0.0.1:1", "http://127.0.0.1:2/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"job_name: nufi-controller\n", "- 127.0.0.1:2\n", "metrics_path: /atom-0\n", "metrics_path: /gpu-0\n", "type: Sapeon\n", "honor_labels: true\n"} {
		if !strings.Contains(string(config), want) {
			t.Errorf("no %q in\n%s", want, config)
		}
	}
}

func nodeWith(name string, resourceName corev1.ResourceName, count int64) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Capacity: corev1.ResourceList{resourceName: *resource.NewQuantity(count, resource.DecimalSI)}},
	}
}

func podWith(name, node string, devices int64, age time.Duration) corev1.Pod {
	limits := corev1.ResourceList{"rebellions.ai/npu": *resource.NewQuantity(devices, resource.DecimalSI)}
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ml-serving", CreationTimestamp: metav1.NewTime(time.Unix(0, 0).Add(age))},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "server", Resources: corev1.ResourceRequirements{Limits: limits}}}},
	}
}

// parse returns the labels of each series by metric.
func parse(t *testing.T, exposition string) map[string][]map[string]string {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(exposition))
	if err != nil {
		t.Fatalf("%v in\n%s", err, exposition)
	}
	metrics := map[string][]map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		for _, m := range families[name].GetMetric() {
			labels := map[string]string{}
			for _, pair := range m.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			metrics[name] = append(metrics[name], labels)
		}
	}
	return metrics
}

func value(t *testing.T, exposition, name string) float64 {
	t.Helper()
	for line := range strings.Lines(exposition) {
		var v float64
		if _, rest, ok := strings.Cut(line, "} "); ok && strings.HasPrefix(line, name+"{") {
			if _, err := fmt.Sscan(rest, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no %s", name)
	return 0
}
