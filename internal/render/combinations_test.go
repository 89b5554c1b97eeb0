package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/dudaji/nufi/internal/render"
)

// Each accelerator, by type and by resource, with each kind of server renders, or is rejected at a field
// of the spec. A template that evaluates a fact that is absent would report its own field.
func TestEveryAcceleratorWithEveryServerRendersOrNamesAField(t *testing.T) {
	t.Parallel()
	for _, accelerator := range compiled(t).Catalogue.Accelerators {
		t.Run(accelerator.Name, func(t *testing.T) {
			t.Parallel()
			for server, container := range servers() {
				for _, count := range []int64{1, 2, 3, accelerator.DevicesPerNode} {
					byType := map[string]any{
						"model": "org/name-7B", "accelerator": map[string]any{"type": accelerator.Name, "count": count},
					}
					byLimit := map[string]any{"inferenceServer": map[string]any{
						"resources": map[string]any{"limits": map[string]any{accelerator.Resource: count}},
					}}
					specs := map[string]map[string]any{"type": byType, "limit": byLimit}
					if count == 2 {
						specs["prefill"] = merged(byType, map[string]any{
							"prefill": map[string]any{"accelerator": map[string]any{"type": accelerator.Name, "count": 1}}, "endpoint": map[string]any{"kind": "InferencePool"},
						})
					}
					for name, spec := range specs {
						inferenceServer, _ := spec["inferenceServer"].(map[string]any)
						spec["inferenceServer"] = merged(inferenceServer, container)
						if err := renderSpec(t, spec); err != nil {
							t.Errorf("%s, %d by %s: %v", server, count, name, err)
						}
					}
				}
			}
		})
	}
}

// servers returns containers whose server the platform can and cannot determine.
func servers() map[string]map[string]any {
	image := func(image string, args ...any) map[string]any {
		return map[string]any{"image": "registry.example.com/" + image, "args": args}
	}
	return map[string]map[string]any{
		"policy's":    {},
		"vLLM":        image("vllm-openai:v0.11.0", "--model", "org/name-7B"),
		"split vLLM":  image("vllm-openai:v0.11.0", "--model", "org/name-7B", "-tp", "2", "-dp=2", "--pipeline_parallel_size", "2"),
		"SGLang":      image("sglang:v0.5.3", "--model-path", "org/name-7B"),
		"TGI":         image("text-generation-inference:3.3.4", "--model-id", "org/name-7B"),
		"Triton":      image("tritonserver:25.09-py3", "--model-repository=/models"),
		"Ollama":      image("ollama:0.12.3"),
		"Furiosa-LLM": image("furiosa-llm:2026.1.0", "serve", "org/name-7B"),
		"unknown":     image("server:v1", "--port", "9000"),
		"shell":       merged(image("vllm-openai:v0.11.0", "vllm serve org/name-7B"), map[string]any{"command": []any{"sh", "-c"}}),
	}
}

func merged(a, b map[string]any) map[string]any {
	both := maps.Clone(b)
	maps.Copy(both, a)
	return both
}

// renderSpec returns an error that is not a violation of a field of the spec.
func renderSpec(tb testing.TB, spec map[string]any) error {
	tb.Helper()
	document, err := json.Marshal(map[string]any{
		"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": map[string]any{"name": "a"}, "spec": spec,
	})
	if err != nil {
		tb.Fatal(err)
	}
	_, err = compiled(tb).RenderYAML("a.yaml", document, render.ProjectSettings{})
	var invalid *render.Error
	if err == nil || !errors.As(err, &invalid) {
		return err
	}
	for _, violation := range invalid.Violations {
		if !strings.HasPrefix(violation.Path, "spec.") {
			return fmt.Errorf("%s: %s: %w", violation.Path, violation.Message, err)
		}
	}
	return nil
}
