package fetchers

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// canned is a round tripper with one response.
type canned struct {
	code int
	kind string
	body string
}

func (c canned) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: c.code, Status: http.StatusText(c.code), Request: request,
		Header: http.Header{"Content-Type": {c.kind}}, Body: io.NopCloser(strings.NewReader(c.body)),
	}, nil
}

// Whatever is at the other end: a named error, or devices that make sense.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", oneSeries)
	f.Add(200, "application/json", oneSeries[:100])
	f.Add(200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":[null,{"values":[]},{"metric":null,"histograms":[[1,{"count":"1","sum":"1"}]]}]}}`)
	f.Add(200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[null,{"metric":{"__name__":"t1","device":"a","node":"b"},"value":[1767225600,"NaN"]}]}}`)
	f.Add(422, "application/json", `{"status":"error","errorType":"execution","error":"\u0000\u001b[31m"}`)
	f.Add(302, "", "")
	f.Add(502, "text/html", "<html>")
	f.Fuzz(func(t *testing.T, code int, kind, body string) {
		querier := newClient(&url.URL{Scheme: "http", Host: "prometheus"}, &secureTransport{next: canned{code, kind, body}})
		for _, fetcher := range NewFetchers(DefaultMaxAge, func() time.Time { return noon }) {
			devices, _, err := fetcher.FetchMetrics(context.Background(), querier)
			if err != nil {
				checkNamed(t, err)
				continue
			}
			checkSense(t, devices)
		}
	})
}

func checkNamed(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{ErrUnreachable, ErrUnauthorized, ErrTooLarge, ErrRedirected, ErrNotPrometheus, ErrRejected} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("an error without a name: %v", err)
}

// Any value under any label folds into a device that can be shown, or is dropped.
func FuzzSample(f *testing.F) {
	f.Add("rbln_npu_power", "hostname", "atom-1", "name", "rbln0", 58000.0, int64(0))
	f.Add("DCGM_FI_DEV_FB_USED", "Hostname", "gpu-1", "GPU_I_ID", "1", 2147483632.0, int64(-500))
	f.Add("nufi_deviceplugin_device_state", "node", "x", "state", "Healthy", 1.0, int64(7))
	f.Fuzz(func(t *testing.T, name, label1, value1, label2, value2 string, value float64, seconds int64) {
		labels := metric{"__name__": "", "device": "d0", "node": "n0"}
		for key, text := range map[string]string{label1: value1, label2: value2, "__name__": name} {
			set(labels, key, text)
		}
		sample := Sample{Labels: labels, Value: value, Time: noon.Add(time.Duration(seconds%1000) * time.Second)}
		for _, vendor := range Vendors() {
			devices, drops := aggregate(vendor, []Sample{sample, sample}, noon, DefaultMaxAge)
			checkSense(t, devices)
			excluded := newAggregator(vendor, noon, DefaultMaxAge).metrics[labels.Get("__name__")].excludes(labels)
			if !excluded && len(devices) == 0 && drops.Total() != 2 {
				t.Errorf("%s: no device, and %d drops", vendor.Type, drops.Total())
			}
		}
	})
}

func checkSense(t *testing.T, devices Devices) {
	t.Helper()
	for node, nodeDevices := range devices {
		for id, status := range nodeDevices {
			if status.Node != node || status.DeviceID != id || !isPrintable(node) || !isPrintable(id) || node == "" || id == "" {
				t.Errorf("device %q of node %q is %+v", id, node, status)
			}
			if status.Utilization != nil && (*status.Utilization < 0 || *status.Utilization > 1) {
				t.Errorf("utilization is %v", *status.Utilization)
			}
			if status.MemoryUsed != nil && (*status.MemoryUsed < 0 || status.MemoryTotal != nil && *status.MemoryUsed > *status.MemoryTotal) {
				t.Errorf("memory is %d of %v", *status.MemoryUsed, status.MemoryTotal)
			}
			for part, degrees := range status.Temperatures {
				if !(degrees >= 0 && degrees <= 200) || !isPrintable(part) {
					t.Errorf("temperature %q is %v", part, degrees)
				}
			}
			if _, err := json.Marshal(status); err != nil {
				t.Error(err)
			}
		}
	}
}
