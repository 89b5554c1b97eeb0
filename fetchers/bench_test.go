package fetchers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/test/harness/cputime"
)

// fleetSamples are six metrics of each device of 1,000 nodes with 8 devices each, with
// the labels that the RBLN exporter has after a scrape.
func fleetSamples(vendor Vendor) []Sample {
	var samples []Sample
	for node := range 1000 {
		for device := range 8 {
			for _, m := range vendor.Metrics[:6] {
				samples = append(samples, Sample{Time: noon, Value: 1, Labels: metric{
					"__name__": "", "hostname": "", "card": "RBLN-CA25", "driver_version": "2.0.1",
					"firmware_version": "2.0.1", "deviceID": "1250", "namespace": "ml-serving", "container": "server",
				}})
				labels := samples[len(samples)-1].Labels.(metric)
				set(labels, "__name__", m.Names[0])
				set(labels, "hostname", "node-"+strconv.Itoa(node))
				set(labels, "instance", "node-"+strconv.Itoa(node)+":9400")
				set(labels, vendor.Labels.Device[0], "dev"+strconv.Itoa(device))
				set(labels, "uuid", fmt.Sprintf("%d-%d", node, device))
				set(labels, "pod", fmt.Sprintf("pod-%d-%d", node, device))
			}
		}
	}
	return samples
}

// BenchmarkAggregate folds the responses of three vendors: 144,000 samples, 24,000 devices.
func BenchmarkAggregate(b *testing.B) {
	vendors := []Vendor{NVIDIA(), Rebellions(), Furiosa()}
	results := make([][]Sample, 0, len(vendors))
	samples := 0
	for _, vendor := range vendors {
		results = append(results, fleetSamples(vendor))
		samples += len(results[len(results)-1])
	}
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := cputime.Self(b)
	for b.Loop() {
		var all sync.WaitGroup
		for i, vendor := range vendors {
			all.Go(func() {
				devices, drops := aggregate(vendor, results[i], noon, DefaultMaxAge)
				if len(devices) != 1000 || drops.Total() != 0 {
					b.Errorf("%d nodes, dropped %s", len(devices), drops)
				}
			})
		}
		all.Wait()
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric((cputime.Self(b)-started).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N)/float64(samples), "allocs/sample")
}

// BenchmarkFetch reads and folds one vendor's response of 48,000 series with five samples
// each, as it comes over HTTP.
func BenchmarkFetch(b *testing.B) {
	vendor := Rebellions()
	body := responseOf(fleetSamples(vendor))
	querier := newClient(&url.URL{Scheme: "http", Host: "prometheus"}, &secureTransport{next: canned{200, "application/json", body}})
	fetcher := NewFetcher(vendor, DefaultMaxAge, func() time.Time { return noon })
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	started := cputime.Self(b)
	for b.Loop() {
		if devices, _, err := fetcher.FetchMetrics(b.Context(), querier); err != nil || len(devices) != 1000 {
			b.Fatalf("%d nodes, %v", len(devices), err)
		}
	}
	b.ReportMetric((cputime.Self(b)-started).Seconds()/float64(b.N), "cpu-s/op")
}

func responseOf(samples []Sample) string {
	var text strings.Builder
	text.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
	for i, sample := range samples {
		if i > 0 {
			text.WriteString(",")
		}
		labels, _ := json.Marshal(sample.Labels)
		fmt.Fprintf(&text, `{"metric":%s,"values":[[1767225480,"1"],[1767225510,"1"],[1767225540,"1"],[1767225570,"1"],[1767225600,"1"]]}`, labels)
	}
	text.WriteString("]}}")
	return text.String()
}

// BenchmarkSnapshot reads while another goroutine publishes.
func BenchmarkSnapshot(b *testing.B) {
	poller := NewPoller(NewCollector(nil, nil, time.Second, time.Now), time.Second, clock.RealClock{}, func() float64 { return 0 })
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			default:
				poller.publish(&Snapshot{time: noon})
			}
		}
	}()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if poller.Snapshot() == nil {
				b.Error("no snapshot")
			}
		}
	})
}
