package dashboard_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// exporter answers with the devices of the node of llama-8b's first pod: the first is hot and held by
// the pod, and the last is unhealthy. test/monitoring reads real metrics.
type exporter struct{ nodes client.Reader }

func (exporter) Type() string { return "RBLN" }

func (e exporter) FetchMetrics(ctx context.Context, _ fetchers.Querier) (fetchers.Devices, fetchers.Diagnostics, error) {
	var pods corev1.PodList
	if err := e.nodes.List(ctx, &pods, client.InNamespace("ml"), client.MatchingLabels{v1.LabelDeploy: "llama-8b"}); err != nil || len(pods.Items) == 0 {
		return nil, fetchers.Diagnostics{}, fmt.Errorf("%d pods: %w", len(pods.Items), err)
	}
	holder, byID := pods.Items[0], map[string]*fetchers.HardwareDeviceStatus{}
	for i := range 16 {
		usage, used, total := 0.64, int64(12)<<30, int64(16)<<30
		device := &fetchers.HardwareDeviceStatus{
			Type: "RBLN", Vendor: "rebellions", Node: holder.Spec.NodeName, DeviceID: fmt.Sprintf("rbln%d", i), Time: time.Now(),
			Utilization: &usage, MemoryUsed: &used, MemoryTotal: &total,
			Temperatures: map[string]float64{"device": 48}, Power: map[string]float64{"card": 61}, Health: &fetchers.Health{Healthy: true},
		}
		switch i {
		case 0:
			device.Temperatures["device"] = 97
			device.Pod = &fetchers.Pod{Namespace: holder.Namespace, Name: holder.Name}
		case 14:
			device.Stale = true
		case 15:
			device.Health = &fetchers.Health{Reason: "device_fault" + markup}
			device.Temperatures = nil
		}
		byID[device.DeviceID] = device
	}
	return fetchers.Devices{holder.Spec.NodeName: byID}, fetchers.Diagnostics{}, nil
}

// withMeasurements makes the server read the devices of an exporter.
func withMeasurements(t *testing.T) func(*api.Options) {
	t.Helper()
	return func(o *api.Options) {
		collector := fetchers.NewCollector([]fetchers.HardwareFetcher{exporter{o.Live.Reader()}}, nil, time.Minute, time.Now)
		poller := fetchers.NewPoller(collector, time.Minute, clock.RealClock{}, func() float64 { return 0 })
		go poller.Run(t.Context())
		<-poller.Subscribe(t.Context())
		o.Devices = devices.NewStore(o.Live, func() *render.Catalogue { return o.Templates().Catalogue }, poller)
	}
}

func TestDevicesAreShownByNode(t *testing.T) {
	s := newServer(t, withMeasurements(t))
	tab := open(t, s, "pat", looks()[0])
	tab.visit("/devices")
	tab.await(`document.querySelector(".problems")`)
	if got := tab.text(".problems"); !strings.Contains(got, "· device_fault") || !strings.Contains(got, "rbln0 · 97 °C") {
		t.Errorf("the problems are %q", got)
	}
	if got := tab.text(".cards dl a"); !strings.HasPrefix(got, "npu-node-") {
		t.Errorf("the largest free block is on %q", got)
	}
	if got := eval[[]string](tab, `[...document.querySelectorAll("details th[scope=row]:has(.sub)")].map((device) => device.textContent)`); !slices.Equal(got, []string{"rbln14 outdated"}) {
		t.Errorf("the outdated devices are %q", got)
	}
	tab.wantAccessible()
	tab.screenshot("dashboard-devices")
	tab.visit("/devices?show=hot")
	if got := eval[int](tab, "document.querySelectorAll('.nodes > li').length"); got != 1 {
		t.Errorf("%d nodes are hot", got)
	}
	tab.visit("/devices")
	if got := eval[int](tab, "document.querySelectorAll('.cells .cell').length"); got != 32 {
		t.Errorf("there are %d cells", got)
	}
	if got := eval[int](tab, "document.querySelectorAll('.cells .Held').length"); got != 20 {
		t.Errorf("%d devices are held", got)
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "ml/qwen"+kb.Enter))
	tab.await(`location.search.includes("q=ml") && document.querySelectorAll(".nodes > li").length === 1`)
	tab.do(chromedp.Click(chromedp.CSS(`.holders a[href*="qwen-7b"]`)))
	tab.await(`document.querySelector("h1").textContent === "qwen-7b"`)
	tab.visit("/deployments/ml/llama-8b")
	if got := tab.text("tbody"); !strings.Contains(got, "rbln0 · 97 °C · 64 % · 12.0 / 16.0 GiB") {
		t.Errorf("the pods are %q", got)
	}
	tab.visit("/deployments/ml/qwen-7b")
	if got := tab.text("tbody"); !strings.Contains(got, "Last exit: Error (1)") {
		t.Errorf("the pods are %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS(`tbody a[href*="previous=true"]`)))
	tab.await(`document.querySelector("[name=previous]")?.checked`)
}
