package monitoring

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/dudaji/nufi/fetchers"
)

// BenchmarkRefresh queries Prometheus's API for six metrics of 24,000 devices: 1,000 nodes with
// 8 devices of each of three vendors, scraped five times within the window. It includes
// Prometheus's own work, which is in the same process.
func BenchmarkRefresh(b *testing.B) {
	s := newServer(b)
	exposition := fleet(fetchers.NVIDIA(), fetchers.Rebellions(), fetchers.Furiosa())
	for scrape := range 5 {
		s.scrape(b, exposition, recordedAt.Add(time.Duration(scrape-4)*30*time.Second), 0)
	}
	url := s.serve(b)
	b.ReportAllocs()
	for b.Loop() {
		devices := 0
		for _, vendor := range collect(b, url).Vendors() {
			devices += vendor.Devices
		}
		if devices != 24_000 {
			b.Fatalf("found %d devices", devices)
		}
	}
}

func fleet(vendors ...fetchers.Vendor) []byte {
	var text bytes.Buffer
	for _, vendor := range vendors {
		for node := range 1000 {
			for device := range 8 {
				for _, m := range vendor.Metrics[:6] {
					fmt.Fprintf(&text, "%s{%s=\"dev%d\",hostname=\"node-%d\",instance=\"10.0.0.1:9400\",uuid=\"%d-%d\",card=\"RBLN-CA25\",deviceID=\"1250\",driver_version=\"2.0.1\",firmware_version=\"2.0.1\",namespace=\"ml-serving\",pod=\"pod-%d-%d\",container=\"server\"} 1\n",
						m.Names[0], vendor.Labels.Device[0], device, node, node, device, node, device)
				}
			}
		}
	}
	return text.Bytes()
}
