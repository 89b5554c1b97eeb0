package exporter

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

// scrapeTimeout bounds the reads of drivers and the kubelet at a scrape.
const scrapeTimeout = 2 * time.Second

// Telemetry exports the sensors of the description.
type Telemetry struct {
	devices  Devices
	tree     *sysfs.Tree
	series   []description.Series
	descs    []*prometheus.Desc
	hostname string
}

// NewTelemetry returns a collector of the devices' sensors.
func NewTelemetry(devices Devices, tree *sysfs.Tree, series []description.Series, hostname string) *Telemetry {
	t := &Telemetry{devices: devices, tree: tree, series: series, hostname: hostname}
	for _, s := range series {
		t.descs = append(t.descs, prometheus.NewDesc(s.Name, s.Help, []string{"device", "uuid", "hostname"}, nil))
	}
	return t
}

// Describe implements prometheus.Collector.
func (t *Telemetry) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range t.descs {
		out <- desc
	}
}

// Collect implements prometheus.Collector. Devices are read concurrently: a stuck one
// does not delay the others.
func (t *Telemetry) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	entries, _ := t.devices.Snapshot()
	var all sync.WaitGroup
	for _, entry := range entries {
		all.Go(func() { t.collect(ctx, entry.Device, out) })
	}
	all.Wait()
}

func (t *Telemetry) collect(ctx context.Context, device discovery.Device, out chan<- prometheus.Metric) {
	for i, series := range t.series {
		if value, ok := t.read(ctx, device.Dir, series); ok {
			out <- prometheus.MustNewConstMetric(t.descs[i], prometheus.GaugeValue, value,
				device.ID, device.UUID, t.hostname)
		}
	}
}

func (t *Telemetry) read(ctx context.Context, dir string, series description.Series) (float64, bool) {
	files := t.tree.Match(dir, series.Path)
	if len(files) == 0 {
		return 0, false
	}
	text, err := t.tree.Attribute(ctx, files[0])
	if err != nil {
		return 0, false
	}
	number, err := sysfs.Number(text)
	return number / float64(series.Divisor), err == nil
}
