package monitoring

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/promql"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/test/harness/golden"
)

// recordedAt is the time of the fetchers' expositions.
var recordedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// The recording rules and the fetchers share one definition of metrics, so both yield the same
// values for every device.
func TestRulesAndFetchersAgree(t *testing.T) {
	for _, c := range golden.Cases(t, fetcherCases, "devices.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			exposition := c.Input()
			if bytes.Contains(exposition, []byte(" 17672")) || c.Name == "nonsense" {
				t.Skip("its samples have several times, which an instant query does not return")
			}
			s := newServer(t)
			s.scrape(t, exposition, recordedAt, 0)
			newRuleSet(t, s).evaluate(t, s, recordedAt)
			fetched := fetchedDevices(t, s)
			if len(fetched) == 0 {
				t.Fatal("nothing was fetched")
			}
			if diff := cmp.Diff(fetched, recorded(t, s), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("the recorded devices differ (-fetchers +rules):\n%s", diff)
			}
		})
	}
}

// The fetchers read the same devices from Prometheus as from the samples of their own tests.
func TestFetchersReadPrometheus(t *testing.T) {
	for _, c := range golden.Cases(t, fetcherCases, "devices.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			s := newServer(t)
			s.scrape(t, c.Input(), recordedAt, 0)
			var want struct {
				Devices []*fetchers.HardwareDeviceStatus `json:"devices"`
			}
			if err := yaml.Unmarshal(c.Files[1].Data, &want); err != nil {
				t.Fatal(err)
			}
			got := slices.Collect(collect(t, s.serve(t)).All())
			if diff := cmp.Diff(want.Devices, got); diff != "" || len(got) == 0 {
				t.Errorf("devices differ (-want +got):\n%s", diff)
			}
		})
	}
}

// fetcherCases are the expositions of the fetchers' tests, with the expected devices.
const fetcherCases = "../../fetchers/testdata/*.txtar"

// facts are the values of a device, by name.
type facts map[string]float64

// fetchedDevices returns the devices that the fetchers read over HTTP.
func fetchedDevices(t *testing.T, s *server) map[string]facts {
	t.Helper()
	devices := map[string]facts{}
	for status := range collect(t, s.serve(t)).All() {
		f := facts{"known": 1}
		if !status.Partitioned {
			f["held"] = 0
		}
		if status.Utilization != nil {
			f["utilization"] = *status.Utilization
		}
		if status.MemoryUsed != nil {
			f["memory used"] = float64(*status.MemoryUsed)
		}
		if status.MemoryTotal != nil {
			f["memory total"] = float64(*status.MemoryTotal)
		}
		for sensor, degrees := range status.Temperatures {
			f["temperature "+sensor] = degrees
		}
		for rail, watts := range status.Power {
			f["power "+rail] = watts
		}
		if status.Health != nil {
			f["healthy"] = 0
			if status.Health.Healthy {
				f["healthy"] = 1
			}
		}
		if status.Pod != nil {
			f["held"] = 1
			f[fmt.Sprintf("pod %s/%s/%s", status.Pod.Namespace, status.Pod.Name, status.Pod.Container)] = 1
		}
		devices[status.Type+" "+status.Node+" "+status.DeviceID] = f
	}
	return devices
}

func collect(tb testing.TB, url string) *fetchers.Snapshot {
	tb.Helper()
	querier, err := fetchers.NewClient(fetchers.ClientConfig{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	now := func() time.Time { return recordedAt }
	snapshot := fetchers.NewCollector(fetchers.NewFetchers(fetchers.DefaultMaxAge, now), querier, time.Minute, now).Collect(tb.Context(), nil)
	for _, vendor := range snapshot.Vendors() {
		if vendor.Err != nil {
			tb.Fatal(vendor.Err)
		}
	}
	return snapshot
}

// recorded returns the devices of the recording rules' results.
func recorded(t *testing.T, s *server) map[string]facts {
	t.Helper()
	devices := map[string]facts{}
	record := func(series, fact, part string) {
		for _, sample := range s.query(t, series, recordedAt) {
			id := device(sample)
			if devices[id] == nil {
				devices[id] = facts{}
			}
			devices[id][strings.TrimSpace(fact+" "+sample.Metric.Get(part))] = sample.F
		}
	}
	record("nufi:device_holder:info", "known", "")
	record("nufi:device_allocated:bool", "held", "")
	record("nufi:device_utilization:ratio", "utilization", "")
	record("nufi:device_memory_used:bytes", "memory used", "")
	record("nufi:device_memory_total:bytes", "memory total", "")
	record("nufi:device_temperature:celsius", "temperature", "sensor")
	record("nufi:device_power:watts", "power", "rail")
	record("nufi:device_healthy:bool", "healthy", "")
	for _, sample := range s.query(t, `nufi:device_allocated:bool == 1`, recordedAt) {
		of := sample.Metric
		devices[device(sample)][fmt.Sprintf("pod %s/%s/%s", of.Get("namespace"), of.Get("pod"), of.Get("container"))] = 1
	}
	return devices
}

func device(sample promql.Sample) string {
	return sample.Metric.Get("type") + " " + sample.Metric.Get("node") + " " + sample.Metric.Get("device")
}
