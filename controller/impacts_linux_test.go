package controller

import (
	"fmt"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/cputime"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// BenchmarkImpacts computes the impact of a set on 10,000 NpuDeploys whose manifests are cached, with the
// controller's GOGC and GOMEMLIMIT.
func BenchmarkImpacts(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(384 << 20))
	used := rendertest.Compile(b, nufi.Module())
	set := servingSet(used, "")
	set.serving = rendertest.Replace(b, "schemas/policy/policy.cue", "graceSeconds: 120", "graceSeconds: 240")
	deploys, current := make([]v1.NpuDeploy, 10_000), make([]*apply.ObjectSet, 10_000)
	count := int32(4)
	each := func(do func(i int)) {
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i := range deploys {
			group.Go(func() error {
				do(i)
				return nil
			})
		}
		_ = group.Wait()
	}
	each(func(i int) {
		deploy := &deploys[i]
		deploy.Namespace, deploy.Name = "search", fmt.Sprint("llama-", i)
		deploy.Spec = v1.NpuDeploySpec{
			Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom", Count: &count}, Endpoint: &v1.Endpoint{Host: deploy.Name + ".nufi.me"},
		}
		current[i] = manifestsOf(b, used, deploy)
	})
	before := cputime.Self(b)
	for b.Loop() {
		cache := newImpactCache()
		each(func(i int) {
			if impact, _ := cache.get(&deploys[i], render.ProjectSettings{}, set, current[i]); impact.Effect != render.Restart {
				b.Errorf("the effect is %s", impact.Effect)
			}
		})
	}
	b.ReportMetric((cputime.Self(b)-before).Seconds()/float64(b.N), "cpu-s/op")
	memory := []runtimemetrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	runtimemetrics.Read(memory)
	b.ReportMetric(float64(memory[0].Value.Uint64()-memory[1].Value.Uint64())/(1<<20), "MiB")
}
