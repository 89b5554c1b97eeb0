package dashboard

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/devices"
)

// largeView returns the devices of 1,000 nodes with eight each: every 100th node has an unhealthy device,
// every 50th a hot one, and two devices of node 7 are free.
func largeView() *devices.View {
	view := &devices.View{Types: []devices.Type{{Type: "atom", Total: 8000, Allocatable: 7990, Allocated: 7988, Free: 2, LargestFree: 2}}}
	for i := range 1000 {
		node := devices.Node{
			Name: fmt.Sprintf("npu-node-%d", i), Ready: true, Schedulable: true,
			Types: []devices.NodeCount{{Type: "atom", Total: 8, Allocatable: 8, Allocated: 8}},
		}
		for j := range 4 {
			pod := devices.Pod{Namespace: fmt.Sprintf("team-%d", i%50), Name: fmt.Sprintf("llama-%d-%d-7d9f8b6c5d-x2x4z", i, j), NpuDeploy: fmt.Sprintf("llama-%d", i)}
			node.Holders = append(node.Holders, devices.Holder{Pod: pod, Type: "atom", Count: 2})
		}
		for j := range 8 {
			usage, used, total := float64(j)/8, int64(j)<<30, int64(16)<<30
			device := devices.Device{
				ID: fmt.Sprintf("rbln%d", j), Type: "atom", Node: node.Name, Utilization: &usage, MemoryUsed: &used, MemoryTotal: &total,
				Temperatures: map[string]float64{"device": 40 + float64(j)}, Power: map[string]float64{"card": 60}, Health: &devices.Health{Healthy: true},
			}
			if i%100 == 0 && j == 0 {
				device.Health = &devices.Health{Reason: "device_fault <b>"}
			}
			if i%50 == 0 && j == 1 {
				device.Temperatures["device"] = 97
			}
			node.Devices = append(node.Devices, device)
		}
		if i == 7 {
			node.Types[0].Allocated, node.Types[0].Free = 6, 2
		}
		view.Nodes = append(view.Nodes, node)
	}
	return view
}

func TestDevicesOfAThousandNodesAreShownInPages(t *testing.T) {
	t.Parallel()
	h, view := newHandlers(t), largeView()
	for target, test := range map[string]struct {
		total, shown int
		contains     string
	}{
		"/devices":                          {1000, nodesPerPage, `/devices?page=2`},
		"/devices?page=17":                  {1000, 40, "npu-node-999"},
		"/devices?page=9223372036854775807": {1000, 40, "npu-node-999"},
		"/devices?show=unhealthy":           {10, 10, "device_fault &lt;b&gt;"},
		"/devices?show=hot":                 {20, 20, "97 °C"},
		"/devices?show=free":                {1, 1, `href="/devices?lang=en&amp;q=npu-node-7"`},
		"/devices?q=team-3/&show=free":      {0, 0, "No node"},
	} {
		r := get(t, target, "Accept-Encoding", "gzip")
		number, err := pageNumber(r)
		if err != nil {
			t.Fatal(err)
		}
		page := newDevicesPage(r, view, number)
		if page.Total != test.total || len(page.Nodes) != test.shown {
			t.Errorf("%s: %d of %d nodes, want %d of %d", target, len(page.Nodes), page.Total, test.shown, test.total)
		}
		response := httptest.NewRecorder()
		if err := h.views.write(response, get(t, target), "devices.html", frame{Section: "devices", Page: page}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(response.Body.String(), test.contains) {
			t.Errorf("%s does not contain %s", target, test.contains)
		}
		compressed := httptest.NewRecorder()
		if err := h.views.write(compressed, r, "devices.html", frame{Section: "devices", Page: page}); err != nil {
			t.Fatal(err)
		}
		if size := compressed.Body.Len(); size > 20_000 {
			t.Errorf("%s has %d bytes", target, size)
		}
	}
}

func TestMetricsThatCannotBeReadAreReported(t *testing.T) {
	t.Parallel()
	h, r := newHandlers(t), get(t, "/devices")
	show := func(vendors ...devices.Vendor) string {
		response := httptest.NewRecorder()
		page := newDevicesPage(r, &devices.View{Metrics: devices.Metrics{State: devices.MetricsRead, Vendors: vendors}}, 1)
		if err := h.views.write(response, r, "devices.html", frame{Section: "devices", Page: page}); err != nil {
			t.Fatal(err)
		}
		_, shown, _ := strings.Cut(response.Body.String(), "<h1>")
		return shown
	}
	read, unread := devices.Vendor{Family: "GPU", Devices: 8}, devices.Vendor{Family: "RBLN", Problem: "unreachable: <no route>"}
	if got := show(read, unread); !strings.Contains(got, "<li><b>RBLN</b> unreachable: &lt;no route&gt;</li>") || strings.Contains(got, "<b>GPU</b>") {
		t.Errorf("the page is %s", got)
	}
	if got := show(read); strings.Contains(got, `class="notice"`) {
		t.Errorf("without a problem the page is %s", got)
	}
}

// BenchmarkDevicesPage renders the first page of 1,000 nodes.
func BenchmarkDevicesPage(b *testing.B) {
	h, err := New(Options{Clock: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	view := largeView()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), "GET", "/devices", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		response := httptest.NewRecorder()
		if err := h.views.write(response, r, "devices.html", frame{Section: "devices", Page: newDevicesPage(r, view, 1)}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(response.Body.Len()), "bytes")
	}
}
