package render_test

import (
	"testing"

	"github.com/dudaji/nufi/internal/render"
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

// The results are in docs/benchmarks.md.
func BenchmarkRender(b *testing.B) {
	for _, c := range []struct {
		name, spec string
		settings   render.ProjectSettings
	}{
		{"minimal", minimalSpec, render.ProjectSettings{}},
		{"project", minimalSpec, render.ProjectSettings{DefaultPriorityClass: "batch"}},
		{"endpoint", endpointSpec, render.ProjectSettings{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			set, deploy := compiled(b), typed(b, []byte(c.spec))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := set.Render(deploy, c.settings); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compile(b, moduleOf(b, nil))
	}
}
