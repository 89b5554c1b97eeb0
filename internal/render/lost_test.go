package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/dudaji/nufi/internal/render"
)

// Each accepted field of a spec changes the manifests or the resolved values, or is rejected at its
// path. The specs differ in what the platform can determine about the server.
func TestNoAcceptedFieldIsLost(t *testing.T) {
	t.Parallel()
	spec := newAPIServer(t, kinds()[0]).structural.Properties["spec"]
	scaling := map[string]any{"max": int64(4), "metric": "RunningRequests", "target": int64(8)}
	for name, base := range map[string]map[string]any{
		"policy's server": {"model": "org/name", "accelerator": map[string]any{"type": "nvidia", "count": int64(2)}, "scaling": scaling},
		"unknown server": {
			"accelerator":     map[string]any{"type": "nvidia", "count": int64(2)},
			"inferenceServer": map[string]any{"image": "registry.example.com/server:v1", "command": []any{"server"}},
		},
		"prefill": {
			"model": "org/name", "accelerator": map[string]any{"type": "nvidia", "count": int64(2)}, "endpoint": map[string]any{"kind": "InferencePool"},
			"prefill": map[string]any{"replicas": int64(2), "accelerator": map[string]any{"type": "nvidia", "count": int64(1)}},
		},
		"no accelerator": {"model": "org/name", "inferenceServer": map[string]any{"image": "vllm/vllm-openai-cpu:v0.11.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, _ := outcomeOf(t, base)
			for _, leaf := range leaves(t, "spec", &spec, 4) {
				if leaf.path == "spec.updates" { // It selects the templates.
					continue
				}
				changed := set(base, strings.Split(leaf.path, ".")[1:], leaf.value)
				after, violations := outcomeOf(t, changed)
				if after == before && fmt.Sprint(changed) != fmt.Sprint(base) {
					t.Errorf("%s: %v is lost", leaf.path, leaf.value)
				}
				if len(violations) > 0 && !slices.ContainsFunc(violations, leaf.isNamedBy) {
					t.Errorf("%s: %v is rejected at another path: %s", leaf.path, leaf.value, after)
				}
			}
		})
	}
}

type leaf struct {
	path  string
	value any
}

// isNamedBy reports whether the violation is at the field, below it, or at a field that the value
// makes wrong. Rules on a struct of Kubernetes may be at the struct or at another field of it.
func (l leaf) isNamedBy(violation render.Violation) bool {
	paths := append([]string{l.path}, contradicted()[l.path]...)
	if strings.Count(l.path, ".") > 3 {
		paths = append(paths, l.path[:strings.LastIndex(l.path, ".")])
	}
	for _, path := range paths {
		if violation.Path == path || strings.HasPrefix(violation.Path, path+".") || strings.HasPrefix(violation.Path, path+"[") {
			return true
		}
	}
	return false
}

// contradicted are the fields that a value can make wrong.
func contradicted() map[string][]string {
	return map[string][]string{
		"spec.accelerator.count":              {"spec.accelerator.type"},
		"spec.accelerator.nodes":              {"spec.accelerator.type", "spec.prefill"},
		"spec.accelerator.type":               {"spec.inferenceServer.image"},
		"spec.endpoint.kind":                  {"spec.prefill"},
		"spec.endpoint.traffic.backends":      {"spec.endpoint.traffic"},
		"spec.endpoint.traffic.steps.backend": {"spec.endpoint.traffic"},
		"spec.endpoint.traffic.unready":       {"spec.endpoint.traffic"},
		"spec.inferenceServer.command":        {"spec.model", "spec.scaling"},
		"spec.inferenceServer.dialect":        {"spec.model", "spec.scaling"},
		"spec.inferenceServer.image":          {"spec.model", "spec.scaling"},
		"spec.parallelism.data":               {"spec.prefill"},
		"spec.parallelism.pipeline":           {"spec.prefill"},
		"spec.parallelism.workload":           {"spec.scaling", "spec.model", "spec.inferenceServer", "spec.prefill"},
		"spec.prefill.accelerator.count":      {"spec.prefill"},
		"spec.prefill.accelerator.nodes":      {"spec.prefill"},
		"spec.prefill.accelerator.type":       {"spec.prefill"},
		"spec.prefill.replicas":               {"spec.prefill"},
		"spec.scaling.max":                    {"spec.scaling"},
		"spec.scaling.metric":                 {"spec.scaling"},
		"spec.scaling.min":                    {"spec.scaling"},
		"spec.scaling.target":                 {"spec.scaling"},
	}
}

// leaves returns a value for each field, to a depth: the fields below are Kubernetes' own. The value
// of a field that leafValues does not have is derived from its schema.
func leaves(tb testing.TB, path string, at *schema.Structural, depth int) []leaf {
	tb.Helper()
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
			all = append(all, leaves(tb, path, &property, depth-1)...)
		default:
			all = append(all, leaf{path, leafValue(tb, path, &property)})
		}
	}
	return all
}

// leafValue returns a value that no default has.
func leafValue(tb testing.TB, path string, at *schema.Structural) any {
	tb.Helper()
	example := (&prober{tb: tb}).example(path, at)
	switch {
	case at.Items != nil:
		return []any{(&prober{tb: tb}).example(path, at.Items)}
	case at.ValueValidation != nil && len(at.ValueValidation.Enum) > 0:
		return at.ValueValidation.Enum[len(at.ValueValidation.Enum)-1].Object
	default:
		return example
	}
}

// leafValues are a value that no default has, by name.
func leafValues() map[string]any {
	probe := map[string]any{"tcpSocket": map[string]any{"port": int64(7)}}
	return map[string]any{
		"model": "org/other", "modelSize": "900Gi", "type": "x330", "count": int64(4), "nodes": int64(2), "pipeline": int64(2), "tensor": int64(4), "data": int64(2), "min": int64(2),
		"image": "registry.example.com/other:v2", "dialect": "triton", "command": []any{"other"}, "args": []any{"--other"},
		"env": []any{map[string]any{"name": "OTHER", "value": "1"}}, "inferencePort": int64(7777), "replicas": int64(7),
		"limits": map[string]any{"cpu": "7"}, "requests": map[string]any{"cpu": "7"}, "claims": []any{map[string]any{"name": "other"}},
		"volumes":      []any{map[string]any{"name": "other", "emptyDir": map[string]any{}}},
		"volumeMounts": []any{map[string]any{"name": "other", "mountPath": "/other"}},
		"nodeSelector": map[string]any{"zone": "other"}, "tolerations": []any{map[string]any{"key": "other", "operator": "Exists"}},
		"affinity":           map[string]any{"nodeAffinity": map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": map[string]any{"nodeSelectorTerms": []any{map[string]any{}}}}},
		"serviceAccountName": "other", "imagePullSecrets": []any{map[string]any{"name": "other"}}, "priorityClassName": "other",
		"runtimeClassName": "other", "terminationGracePeriodSeconds": int64(7),
		"topologySpreadConstraints": []any{map[string]any{"maxSkew": int64(1), "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}}, "startup": probe, "readiness": probe, "liveness": probe,
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

// outcomeOf returns what a spec renders to, or its violations.
func outcomeOf(tb testing.TB, spec map[string]any) (string, []render.Violation) {
	tb.Helper()
	document, err := json.Marshal(map[string]any{
		"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": map[string]any{"name": "a"}, "spec": spec,
	})
	if err != nil {
		tb.Fatal(err)
	}
	result, err := compiled(tb).RenderYAML("a.yaml", document, render.ProjectSettings{})
	invalid := &render.Error{}
	if err != nil && !errors.As(err, &invalid) {
		tb.Errorf("%s: %v", document, err)
	}
	return summary(tb, result, err), invalid.Violations
}
