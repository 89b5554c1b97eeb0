package render_test

import (
	"runtime"
	"testing"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

const minimalSpec = `
metadata: {name: llama, namespace: ml-serving}
spec:
  model: meta-llama/Llama-3.1-8B-Instruct
  accelerator: {type: atom, count: 4}
`

const endpointSpec = `
metadata: {name: llama, namespace: ml-serving}
spec:
  model: meta-llama/Llama-3.1-8B-Instruct
  accelerator: {type: atom, count: 4}
  endpoint: {host: llama.example.com}
`

// benchmarks are specs with the most bytes that a render of one may allocate: 3 % above
// docs/benchmarks.md. CONTRIBUTING.md explains what costs a render how much.
var benchmarks = []struct {
	name, spec string
	settings   render.ProjectSettings
	maxBytes   int
}{
	{"minimal", minimalSpec, render.ProjectSettings{}, 462_000},
	{"project", minimalSpec, render.ProjectSettings{DefaultPriorityClass: "batch"}, 474_000},
	{"endpoint", endpointSpec, render.ProjectSettings{}, 562_000},
}

func TestRenderStaysWithinAllocationBounds(t *testing.T) {
	skipUnderRace(t)
	const renders = 50
	for _, c := range benchmarks {
		t.Run(c.name, func(t *testing.T) {
			set, deploy := compiled(t), typed(t, []byte(c.spec))
			allocated := allocatedBy(renders, func() {
				if _, err := set.Render(deploy, c.settings); err != nil {
					t.Fatal(err)
				}
			})
			if perRender := allocated / renders; perRender > c.maxBytes {
				t.Errorf("a render allocates %d bytes, more than %d", perRender, c.maxBytes)
			}
		})
	}
}

// allocatedBy returns the bytes that so many calls of run allocate, after some to warm up.
func allocatedBy(times int, run func()) int {
	const warmUp = 20
	for range warmUp {
		run()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		run()
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// The results are in docs/benchmarks.md.
func BenchmarkRender(b *testing.B) { benchmarkRenders(b, (*render.Templates).Render) }

func BenchmarkRenderShared(b *testing.B) { benchmarkRenders(b, (*render.Templates).RenderShared) }

func benchmarkRenders(
	b *testing.B, run func(*render.Templates, *v1.NpuDeploy, render.ProjectSettings, ...render.Backend) (*render.Result, error),
) {
	b.Helper()
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			set, deploy := compiled(b), typed(b, []byte(c.spec))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := run(set, deploy, c.settings); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		rendertest.Compile(b, moduleOf(b, nil))
	}
}
