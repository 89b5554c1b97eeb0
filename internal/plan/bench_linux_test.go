package plan_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/cputime"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// BenchmarkCompareFleet computes the impact of a set on 10,000 NpuDeploys that have an endpoint each, as nufi
// plan does, with its settings of the garbage collector.
func BenchmarkCompareFleet(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(320 << 20))
	next := rendertest.Replace(b, "schemas/policy/policy.cue", "graceSeconds: 120", "graceSeconds: 240")
	sets, err := plan.Compile(nufi.Module(), next.Module, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	deploys := make([]v1.NpuDeploy, 10_000)
	for i := range deploys {
		deploys[i] = newDeploy(fmt.Sprint("llama-", i), 4)
		deploys[i].Spec.Endpoint = &v1.Endpoint{Host: deploys[i].Name + ".nufi.me"}
	}
	runtime.GC()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() { peak <- peakMemory(stop) }()
	before := cputime.Self(b)
	for b.Loop() {
		if result := sets.Compare(deploys, nil, nil); result.Effect != render.Restart {
			b.Fatalf("the effect is %s", result.Effect)
		}
	}
	b.ReportMetric((cputime.Self(b)-before).Seconds()/float64(b.N), "cpu-s/op")
	close(stop)
	b.ReportMetric(float64(<-peak)/(1<<20), "peak-MiB")
}

// peakMemory samples the memory that the runtime has from the system and has not returned.
func peakMemory(stop <-chan struct{}) uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	peak := uint64(0)
	for ticker := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-stop:
			ticker.Stop()
			return peak
		case <-ticker.C:
			metrics.Read(samples)
			peak = max(peak, samples[0].Value.Uint64()-samples[1].Value.Uint64())
		}
	}
}
