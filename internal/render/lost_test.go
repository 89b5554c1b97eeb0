package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/dudaji/nufi/internal/render"
)

// Each accepted field of a spec changes the manifests or the values in use, or is rejected at its
// path. The specs differ in what the platform knows of the server.
func TestNoAcceptedFieldIsLost(t *testing.T) {
	t.Parallel()
	spec := newAPIServer(t, kinds()[0]).structural.Properties["spec"]
	for name, base := range map[string]map[string]any{
		"policy's server": {"model": "org/name", "accelerator": map[string]any{"type": "nvidia", "count": int64(2)}},
		"unknown server": {
			"accelerator":     map[string]any{"type": "nvidia", "count": int64(2)},
			"inferenceServer": map[string]any{"image": "registry.example.com/server:v1", "command": []any{"server"}},
		},
		"no accelerator": {"model": "org/name", "inferenceServer": map[string]any{"image": "vllm/vllm-openai-cpu:v0.11.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := outcomeOf(t, base)
			for _, leaf := range leaves("spec", &spec, 4) {
				changed := set(base, strings.Split(leaf.path, ".")[1:], leaf.value)
				if after := outcomeOf(t, changed); after == before && fmt.Sprint(changed) != fmt.Sprint(base) {
					t.Errorf("%s: %v is lost", leaf.path, leaf.value)
				}
			}
		})
	}
}

type leaf struct {
	path  string
	value any
}

// leaves returns a value for each scalar and list, to a depth: the fields below are Kubernetes' own.
func leaves(path string, at *schema.Structural, depth int) []leaf {
	var all []leaf
	for name, property := range at.Properties {
		path := path + "." + name
		value := leafValues()[name]
		if path == "spec.endpoint.kind" {
			value = "Ingress"
		}
		switch {
		case value != nil:
			all = append(all, leaf{path, value})
		case property.Type == "object" && depth > 1:
			all = append(all, leaves(path, &property, depth-1)...)
		}
	}
	return all
}

// leafValues are a value that no default has, by name.
func leafValues() map[string]any {
	probe := map[string]any{"tcpSocket": map[string]any{"port": int64(7)}}
	return map[string]any{
		"model": "org/other", "modelSize": "900Gi", "type": "x330", "count": int64(4), "tensor": int64(4), "data": int64(2),
		"image": "registry.example.com/other:v2", "dialect": "triton", "command": []any{"other"}, "args": []any{"--other"},
		"env": []any{map[string]any{"name": "OTHER", "value": "1"}}, "inferencePort": int64(7777), "replicas": int64(7),
		"limits": map[string]any{"cpu": "7"}, "requests": map[string]any{"cpu": "7"}, "claims": []any{map[string]any{"name": "other"}},
		"volumes":      []any{map[string]any{"name": "other", "emptyDir": map[string]any{}}},
		"volumeMounts": []any{map[string]any{"name": "other", "mountPath": "/other"}},
		"nodeSelector": map[string]any{"zone": "other"}, "tolerations": []any{map[string]any{"key": "other", "operator": "Exists"}},
		"affinity":           map[string]any{"nodeAffinity": map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": map[string]any{"nodeSelectorTerms": []any{map[string]any{}}}}},
		"serviceAccountName": "other", "imagePullSecrets": []any{map[string]any{"name": "other"}}, "priorityClassName": "other",
		"runtimeClassName": "other", "startup": probe, "readiness": probe, "liveness": probe,
		"gateway": "other/other", "host": "other.example.com", "kind": "None", "path": "/other",
		"claimName": "other", "hostPath": "/mnt/data/other", "mountPath": "/other",
		"labels": map[string]any{"other": "other"}, "annotations": map[string]any{"other": "other"},
	}
}

// set returns a copy of object with value at path.
func set(object map[string]any, path []string, value any) map[string]any {
	if len(path) == 1 {
		return with(object, path[0], value)
	}
	child, ok := object[path[0]].(map[string]any)
	if !ok {
		child = map[string]any{}
	}
	return with(object, path[0], set(child, path[1:], value))
}

// outcomeOf is what a spec renders to, or its violations.
func outcomeOf(tb testing.TB, spec map[string]any) string {
	tb.Helper()
	document, err := json.Marshal(map[string]any{
		"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": map[string]any{"name": "a"}, "spec": spec,
	})
	if err != nil {
		tb.Fatal(err)
	}
	result, err := compiled(tb).RenderYAML("a.yaml", document, render.ProjectSettings{})
	if invalid := (*render.Error)(nil); err != nil && !errors.As(err, &invalid) {
		tb.Errorf("%s: %v", document, err)
	}
	return summary(tb, result, err)
}
