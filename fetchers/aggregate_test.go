package fetchers

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/test/harness/golden"
)

// noon is the time of every test, and of samples without one.
var noon = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Each file in testdata is an exposition after the scrape, and the devices that all vendors
// aggregate from it.
func TestExpositionsAreAggregatedToDevices(t *testing.T) {
	for _, c := range golden.Cases(t, "testdata/*.txtar", "devices.yaml") {
		t.Run(c.Name, func(t *testing.T) { c.Compare(t, page(t, samplesIn(t, c.Input()))) })
	}
}

func TestAggregationIgnoresTheOrderOfSamples(t *testing.T) {
	for _, c := range golden.Cases(t, "testdata/*.txtar", "devices.yaml") {
		samples := samplesIn(t, c.Input())
		forward := page(t, samples)
		slices.Reverse(samples)
		if diff := cmp.Diff(forward, page(t, samples)); diff != "" {
			t.Errorf("%s differs when read backwards (-forward +backward):\n%s", c.Name, diff)
		}
	}
}

// page is what all vendors' tables make of the samples.
func page(tb testing.TB, samples []Sample) string {
	tb.Helper()
	snapshot := &Snapshot{time: noon}
	dropped := map[string]Drops{}
	for _, vendor := range Vendors() {
		devices, drops := aggregate(vendor, ofVendor(vendor, samples), noon, DefaultMaxAge)
		snapshot.vendors = append(snapshot.vendors, view{VendorState{Type: vendor.Type}, devices})
		if len(drops) > 0 {
			dropped[vendor.Type] = drops
		}
	}
	snapshot.dropDuplicates()
	text, err := yaml.Marshal(map[string]any{"devices": slices.Collect(snapshot.All()), "dropped": dropped})
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func ofVendor(vendor Vendor, samples []Sample) []Sample {
	var own []Sample
	for _, sample := range samples {
		if slices.Contains(vendor.names(), sample.Labels.Get("__name__")) {
			own = append(own, sample)
		}
	}
	return own
}

func samplesIn(tb testing.TB, exposition []byte) []Sample {
	tb.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(exposition)))
	if err != nil {
		tb.Fatal(err)
	}
	var samples []Sample
	for _, name := range slices.Sorted(maps.Keys(families)) {
		for _, m := range families[name].GetMetric() {
			samples = append(samples, sampleOf(name, m))
		}
	}
	return samples
}

func sampleOf(name string, m *dto.Metric) Sample {
	labels := metric{model.MetricNameLabel: name}
	for _, pair := range m.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	at := noon
	if m.TimestampMs != nil {
		at = time.UnixMilli(m.GetTimestampMs())
	}
	return Sample{Labels: labels, Value: m.GetGauge().GetValue() + m.GetUntyped().GetValue(), Time: at}
}

func set(labels metric, name, value string) { labels[name] = value }
