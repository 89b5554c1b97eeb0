package fleet

import (
	"flag"
	"testing"
	"time"
)

var size = flag.Int("fleet", 1000, "number of NpuDeploys")

const (
	// writers is how many requests the plain loop has under way.
	writers = 16
	// children of each NpuDeploy: a Deployment, a Service and a VirtualService.
	children = 3
	// settleTime without a write means that the controller has finished.
	settleTime = 10 * time.Second
	// quietTime is the span in which no write is expected.
	quietTime = time.Minute
)

// BenchmarkFleet measures all figures in one run: they are ratios, and machines differ.
func BenchmarkFleet(b *testing.B) {
	for b.Loop() {
		before := measurePlain(b)
		f := newFleet(b)
		f.createDeploys()
		f.startController()

		took := f.awaitChildren()
		own := rates{written: perSecond(took), settled: perSecond(took + f.awaitPods())}
		f.settle()
		b.ReportMetric(f.writes()/float64(*size), "writes/set")
		b.ReportMetric(f.process.cpu().Seconds()*1000/float64(*size), "cpu-ms/set")
		b.ReportMetric(f.metric("go_memstats_alloc_bytes_total", "")/1024/float64(*size), "KB/set")
		b.ReportMetric(f.metric("go_memstats_mallocs_total", "")/float64(*size), "allocs/set")
		b.ReportMetric(f.metric("controller_runtime_reconcile_total", `controller="npudeploy"`)/float64(*size), "reconciles/set")

		cpu, writes := f.process.cpu(), f.writes()
		f.wait(quietTime)
		b.ReportMetric(f.writes()-writes, "quiet-writes")
		b.ReportMetric((f.process.cpu() - cpu).Seconds(), "quiet-cpu-s")
		b.ReportMetric(f.process.residentMiB(), "rss-MiB")

		configured := f.metric("nufi_applies_total", `result="configured"`)
		took = f.changePolicy()
		f.settle()
		b.ReportMetric((f.metric("nufi_applies_total", `result="configured"`)-configured)/float64(*size*children), "applies/changed-child")
		b.ReportMetric(perSecond(took), "policy-sets/s")
		b.ReportMetric(f.metric("nufi_drift_healed_total", ""), "healed")

		f.stop()
		plain := before.mean(measurePlain(b)) // A machine's speed changes from one minute to the next.
		b.ReportMetric(plain.written, "plain-sets/s")
		b.ReportMetric(own.written, "sets/s")
		b.ReportMetric(own.written/plain.written, "of-plain")
		b.ReportMetric(own.settled/plain.settled, "of-plain-settled")
		b.ReportMetric(0, "ns/op")
	}
}
