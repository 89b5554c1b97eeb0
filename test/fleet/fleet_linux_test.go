package fleet

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	size  = flag.Int("fleet", 1000, "number of NpuDeploys")
	curve = flag.String("curve", "", "numbers of NpuDeploys that BenchmarkCurve measures, separated by commas")
	svg   = flag.String("svg", "curve.svg", "file in which BenchmarkCurve draws them")
)

const (
	// writers is how many requests the plain loop has under way.
	writers = 16
	// children of each NpuDeploy: a Deployment, a Service and a VirtualService.
	children = 3
	// settleTime without a write means that the controller has finished.
	settleTime = 12 * time.Second
	// quietTime is the span in which no write is expected.
	quietTime = time.Minute
	// changes is how many specs are changed one after the other.
	changes = 50
)

// BenchmarkFleet measures the controller beside a plain loop, before and after it in one run: a machine's speed
// changes from one minute to the next.
func BenchmarkFleet(b *testing.B) {
	for b.Loop() {
		before := measurePlain(b)
		_, own := measure(b)
		plain := before.mean(measurePlain(b))
		b.ReportMetric(plain.written, "plain-sets/s")
		b.ReportMetric(plain.cpu, "plain-cpu-ms/set")
		b.ReportMetric(own.written/plain.written, "of-plain")
		b.ReportMetric(own.settled/plain.settled, "of-plain-settled")
		b.ReportMetric(own.changed/plain.changed, "policy-of-plain")
	}
}

// BenchmarkCreate measures only until all objects are written. Of several runs (-benchtime 5x) it reports the mean.
func BenchmarkCreate(b *testing.B) {
	ratios, runs := 0.0, 0
	for b.Loop() {
		plain := func() float64 {
			f := newFleet(b)
			defer f.stop()
			took, _ := f.createPlain()
			return perSecond(took)
		}
		before := plain()
		f := newFleet(b)
		own := perSecond(f.create())
		f.stop()
		ratio := own / ((before + plain()) / 2)
		b.Logf("%.3f of the loop's rate", ratio)
		ratios += ratio
		runs++
	}
	b.ReportMetric(ratios/float64(runs), "of-plain")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCurve measures several sizes, and draws an SVG.
func BenchmarkCurve(b *testing.B) {
	if *curve == "" {
		b.Skip("no -curve")
	}
	var points []point
	for text := range strings.SplitSeq(*curve, ",") {
		var err error
		if *size, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				p, _ := measure(b)
				points = append(points, p)
			}
		})
	}
	if err := os.WriteFile(*svg, []byte(draw(points)), 0o600); err != nil {
		b.Fatal(err)
	}
}

// measure measures the controller alone.
func measure(b *testing.B) (point, rates) {
	b.Helper()
	f := newFleet(b)
	took := f.create()
	own := rates{written: perSecond(took), settled: perSecond(took + f.awaitPods())}
	f.settle()
	p := point{Size: *size, Seconds: took.Seconds(), CPU: f.process.cpu().Seconds()}
	each := func(unit string, value float64) { report(b, unit+"/set", value/float64(*size)) }
	each("writes", f.writes())
	each("cpu-ms", p.CPU*1000)
	each("KB", f.metric("go_memstats_alloc_bytes_total", "")/1024)
	each("allocs", f.metric("go_memstats_mallocs_total", ""))
	each("reconciles", f.metric("controller_runtime_reconcile_total", `controller="npudeploy"`))

	cpu, writes := f.process.cpu(), f.writes()
	f.wait(quietTime)
	report(b, "quiet-writes", f.writes()-writes)
	report(b, "quiet-cpu-s", (f.process.cpu() - cpu).Seconds())
	p.MiB = f.process.residentMiB()
	report(b, "rss-MiB", p.MiB)

	f.measureChanges(b)
	f.measureRestart(b)

	configured := f.metric("nufi_applies_total", `result="configured"`)
	written := f.writes()
	own.changed = perSecond(f.changePolicy())
	f.settle()
	report(b, "applies/changed-child", (f.metric("nufi_applies_total", `result="configured"`)-configured)/float64(*size*children))
	report(b, "policy-sets/s", own.changed)
	each("policy-writes", f.writes()-written)
	report(b, "healed", f.metric("nufi_drift_healed_total", ""))

	f.stop()
	report(b, "sets/s", own.written)
	b.ReportMetric(0, "ns/op")
	return p, own
}

// report reports a figure, and logs it, which -v shows at once: ten thousand take most of an hour.
func report(b *testing.B, unit string, value float64) {
	b.Helper()
	b.ReportMetric(value, unit)
	b.Logf("%s %.4g", unit, value)
}

// BenchmarkNeighbour measures how long an NpuDeploy takes while another namespace creates many, and
// changes one of them all the time.
func BenchmarkNeighbour(b *testing.B) {
	for b.Loop() {
		f := newFleet(b)
		f.createDeploys()
		f.startController()
		f.await("the first children", func() bool { return f.created() > 0 })
		stop := f.changeAllTheTime()
		b.ReportMetric(f.measureNeighbour().Seconds()*1000, "ms")
		if f.created() >= float64(*size*children) {
			b.Error("the other namespace had nothing left to do")
		}
		stop()
		f.stop()
		b.ReportMetric(0, "ns/op")
	}
}
