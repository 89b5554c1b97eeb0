package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// exporters simulates the exporters of the nodes and the metrics of the inference servers.
// The pods that hold devices are those of the cluster; the values are invented.
type exporters struct {
	kube  client.Reader
	nodes []string
	now   func() time.Time
}

// simulatedDevice is a device and the pod that holds it, nil if none does.
type simulatedDevice struct {
	index int
	node  string
	pod   *corev1.Pod
}

// simulatedVendor writes the metrics of one vendor's devices.
type simulatedVendor struct {
	kind     string // the fetchers' name of the device type
	describe func(w io.Writer, d simulatedDevice, load float64)
}

func vendors() map[corev1.ResourceName]simulatedVendor {
	return map[corev1.ResourceName]simulatedVendor{
		"rebellions.ai/npu": {"RBLN", describeATOM},
		"sapeon.com/snx3":   {"Sapeon", describeX330},
		"nvidia.com/gpu":    {"GPU", describeGPU},
	}
}

// ServeHTTP serves the metrics of a node's exporter at /NODE and of all servers at /servers.
func (e *exporters) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	text, err := e.exposition(r.Context(), name)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	case text == "":
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, text) //nolint:gosec // Plain text for Prometheus.
	}
}

func (e *exporters) exposition(ctx context.Context, name string) (string, error) {
	var pods corev1.PodList
	if err := e.kube.List(ctx, &pods); err != nil {
		return "", err
	}
	seconds := float64(e.now().UnixMilli()) / 1000
	if name == "servers" {
		return serverMetrics(pods.Items, seconds), nil
	}
	var node corev1.Node
	if !slices.Contains(e.nodes, name) {
		return "", nil
	}
	if err := e.kube.Get(ctx, client.ObjectKey{Name: name}, &node); err != nil {
		return "", err
	}
	return deviceMetrics(node, pods.Items, seconds), nil
}

// deviceMetrics assigns devices to the node's pods in order of their age. Unlike real
// devices, these may move to another pod when an older pod ends.
func deviceMetrics(node corev1.Node, pods []corev1.Pod, seconds float64) string {
	var text strings.Builder
	for resource, vendor := range vendors() {
		count := node.Status.Capacity[resource]
		holders := deviceHolders(node.Name, resource, pods)
		for i := range int(count.Value()) {
			d := simulatedDevice{index: i, node: node.Name}
			if i < len(holders) {
				d.pod = holders[i]
			}
			vendor.describe(&text, d, load(d, seconds))
		}
	}
	return text.String()
}

// deviceHolders lists each pod of a node once per device that it requests.
func deviceHolders(node string, resource corev1.ResourceName, pods []corev1.Pod) []*corev1.Pod {
	var holders []*corev1.Pod
	for _, pod := range slices.SortedFunc(slices.Values(pods), older) {
		if pod.Spec.NodeName != node || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		for _, container := range pod.Spec.Containers {
			count := container.Resources.Limits[resource]
			holders = append(holders, slices.Repeat([]*corev1.Pod{&pod}, int(count.Value()))...)
		}
	}
	return holders
}

func older(a, b corev1.Pod) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
}

// load returns 0 for a free device. Otherwise it returns a sine wave of two minutes between
// 0.25 and 0.95.
func load(d simulatedDevice, seconds float64) float64 {
	if d.pod == nil {
		return 0
	}
	return 0.6 + 0.35*math.Sin(2*math.Pi*seconds/120+float64(d.index))
}

// podLabels returns the labels of the container that holds the device.
func (d simulatedDevice) podLabels() string {
	if d.pod == nil {
		return `namespace="",pod="",container=""`
	}
	return fmt.Sprintf(`namespace=%q,pod=%q,container=%q`, d.pod.Namespace, d.pod.Name, d.pod.Spec.Containers[0].Name)
}

func sample(w io.Writer, name, labels string, value float64) {
	_, _ = fmt.Fprintf(w, "%s{%s} %g\n", name, labels, value)
}

func describeATOM(w io.Writer, d simulatedDevice, load float64) {
	labels := fmt.Sprintf(`card="RBLN-CA25",name="rbln%d",uuid="%s-%d",hostname=%q,%s`, d.index, d.node, d.index, d.node, d.podLabels())
	const total = 16 << 30
	sample(w, "rbln_npu_utilization", labels, 100*load)
	sample(w, "rbln_npu_memory_used", labels, math.Round(total*0.9*math.Ceil(load)))
	sample(w, "rbln_npu_memory_total", labels, total)
	sample(w, "rbln_npu_temperature", labels, 35+30*load)
	sample(w, "rbln_npu_power", labels, 20+60*load)
	sample(w, "rbln_npu_health", labels, 0)
}

func describeX330(w io.Writer, d simulatedDevice, load float64) {
	id := fmt.Sprintf(`device="0000:%02x:00.0"`, 0x10+d.index)
	labels := fmt.Sprintf(`%s,uuid="%s-%d",hostname=%q`, id, d.node, d.index, d.node)
	sample(w, "sapeon_t1_celsius", labels, 38+25*load)
	sample(w, "sapeon_t2_celsius", labels, 36+22*load)
	sample(w, "sapeon_p1_watts", labels, 25+90*load)
	sample(w, "nufi_deviceplugin_device_state", id+`,state="Healthy",reason="Answering"`, 1)
	sample(w, "nufi_deviceplugin_device_allocated", labels+","+d.podLabels(), math.Ceil(load))
}

func describeGPU(w io.Writer, d simulatedDevice, load float64) {
	labels := fmt.Sprintf(`gpu="%d",device="nvidia%d",UUID="GPU-%s-%d",modelName="NVIDIA A100-SXM4-80GB",hostname=%q,%s`,
		d.index, d.index, d.node, d.index, d.node, d.podLabels())
	used := math.Round(73_000 * math.Ceil(load))
	sample(w, "DCGM_FI_DEV_GPU_UTIL", labels, 100*load)
	sample(w, "DCGM_FI_DEV_FB_USED", labels, used)
	sample(w, "DCGM_FI_DEV_FB_FREE", labels, 81_000-used)
	sample(w, "DCGM_FI_DEV_GPU_TEMP", labels, 33+40*load)
	sample(w, "DCGM_FI_DEV_POWER_USAGE", labels, 60+300*load)
	sample(w, "DCGM_FI_DEV_XID_ERRORS", labels, 0)
}

// serverMetrics returns vLLM's metrics for each running pod of an NpuDeploy. Counters are
// functions of the time, so that they never decrease.
func serverMetrics(pods []corev1.Pod, seconds float64) string {
	var text strings.Builder
	for i, pod := range pods {
		deploy := pod.Labels[v1.LabelDeploy]
		if deploy == "" || pod.Status.Phase != corev1.PodRunning {
			continue
		}
		labels := fmt.Sprintf(`namespace=%q,pod=%q,npudeploy=%q,model_name=%q,engine="0"`, pod.Namespace, pod.Name, deploy, deploy)
		wave := 0.5 + 0.5*math.Sin(2*math.Pi*seconds/120+float64(i))
		sample(&text, "vllm:num_requests_running", labels, math.Round(8*wave))
		sample(&text, "vllm:num_requests_waiting", labels, math.Round(3*wave))
		sample(&text, "vllm:kv_cache_usage_perc", labels, 0.2+0.6*wave)
		sample(&text, "vllm:prompt_tokens_total", labels, math.Floor(900*seconds))
		sample(&text, "vllm:generation_tokens_total", labels, math.Floor(400*seconds))
		sample(&text, "http_requests_total", labels+`,handler="/v1/chat/completions",method="POST",status="2xx"`, math.Floor(4*seconds))
		histogram(&text, "vllm:time_to_first_token_seconds", labels, seconds, 0.05)
		histogram(&text, "vllm:inter_token_latency_seconds", labels, seconds, 0.01)
		histogram(&text, "vllm:e2e_request_latency_seconds", labels, seconds, 1)
	}
	return text.String()
}

// histogram writes four observations per second, half of them below first.
func histogram(w io.Writer, name, labels string, seconds, first float64) {
	for i, share := range []float64{0.5, 0.9, 0.99, 1} {
		sample(w, name+"_bucket", fmt.Sprintf(`%s,le="%g"`, labels, first*math.Pow(4, float64(i))), math.Floor(4*seconds*share))
	}
	sample(w, name+"_bucket", labels+`,le="+Inf"`, math.Floor(4*seconds))
	sample(w, name+"_count", labels, math.Floor(4*seconds))
	sample(w, name+"_sum", labels, math.Floor(4*seconds)*2*first)
}
