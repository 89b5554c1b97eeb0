package fetchers

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the devices in testdata")

// noon is the time of every test, and of samples without one.
var noon = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Each file in testdata is an exposition after the scrape, and the devices that all vendors
// aggregate from it.
func TestExpositionsAreAggregatedToDevices(t *testing.T) {
	for _, name := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive := open(t, name)
			got := page(t, samplesIn(t, archive.Files[0].Data))
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("devices differ (-want +got); -update rewrites them:\n%s", diff)
			}
		})
	}
}

func TestAggregationIgnoresTheOrderOfSamples(t *testing.T) {
	for _, name := range archives(t) {
		samples := samplesIn(t, open(t, name).Files[0].Data)
		forward := page(t, samples)
		slices.Reverse(samples)
		if diff := cmp.Diff(forward, page(t, samples)); diff != "" {
			t.Errorf("%s differs when read backwards (-forward +backward):\n%s", name, diff)
		}
	}
}

func archives(tb testing.TB) []string {
	tb.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		tb.Fatalf("finding archives: %v, %d found", err, len(names))
	}
	return names
}

// open returns the archive with its two files, exposition and devices.yaml.
func open(tb testing.TB, name string) *txtar.Archive {
	tb.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	if len(archive.Files) == 1 {
		archive.Files = append(archive.Files, txtar.File{Name: "devices.yaml"})
	}
	if len(archive.Files) != 2 || archive.Files[0].Name != "exposition" || archive.Files[1].Name != "devices.yaml" {
		tb.Fatalf("%s has not the files exposition and devices.yaml", name)
	}
	return archive
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
