package render

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Manifests are the rendered objects.
type Manifests struct {
	// Objects are in apply order.
	Objects []*unstructured.Unstructured

	evaluation *Evaluation
}

// Result is a rendered NpuDeploy.
type Result struct {
	Manifests
	Resolved Resolved
}

// Resolved are the resolved values, for status.
type Resolved struct {
	URL            string                `json:"url"`
	Image          string                `json:"image"`
	Selector       string                `json:"selector"`
	Dialect        string                `json:"dialect"` // of the inference server, "" if it is unknown
	StartupSeconds int64                 `json:"startupSeconds"`
	Endpoint       *Endpoint             `json:"endpoint,omitempty"`
	Accelerator    *v1.AcceleratorStatus `json:"accelerator,omitempty"`
	Parallelism    *v1.ParallelismStatus `json:"parallelism,omitempty"`
	Traffic        []v1.TrafficStatus    `json:"traffic,omitempty"`
	Steps          *TrafficSteps         `json:"steps,omitempty"`
	// PlacementSeconds limits how long a group on several nodes may hold devices without having all; 0 is no limit.
	PlacementSeconds int32 `json:"placementSeconds,omitempty"`
}

// Endpoint is the address that the deployment claims.
type Endpoint struct {
	Kind v1.EndpointKind `json:"kind"`
	Host string          `json:"host"`
	// Path is the claimed prefix, "" for all paths.
	Path string `json:"path"`
}

// Render renders deploy as the API server returns it, with the settings of its namespace's
// Project and the states of its backends. A backend that is absent is ready. The error is an
// *Error if the spec is invalid.
func (t *Templates) Render(deploy *v1.NpuDeploy, settings ProjectSettings, backends ...Backend) (*Result, error) {
	evaluation, err := t.Evaluate(deploy, settings, backends...)
	if err != nil {
		return nil, err
	}
	return evaluation.Result()
}

// Evaluate is Render without the export of the manifests.
func (t *Templates) Evaluate(deploy *v1.NpuDeploy, settings ProjectSettings, backends ...Backend) (*Evaluation, error) {
	metadata := map[string]any{"name": deploy.Name, "namespace": deploy.Namespace}
	in, err := t.inputOf(v1.Kind, metadata, &deploy.Spec, settings)
	if err != nil {
		return nil, err
	}
	in.backends = backends
	return t.workload.evaluate(in, settings)
}

// Result exports the manifests and, of an NpuDeploy, the resolved values.
func (e *Evaluation) Result() (*Result, error) {
	manifests, err := e.Manifests()
	if err != nil {
		return nil, err
	}
	result := &Result{Manifests: *manifests}
	if e.engine.input != fieldDeploy {
		return result, nil
	}
	resolved, err := exportField(e.value, fieldResolved)
	if err != nil {
		return nil, fmt.Errorf("rendering: %w", err)
	}
	return result, result.Resolved.read(resolved, e.keys)
}

// read reads exported values.
func (r *Resolved) read(values map[string]any, keys *placeholders) error {
	content, err := json.Marshal(values) // FromUnstructured takes integers that are too large.
	if err == nil {
		err = json.Unmarshal(content, r)
	}
	if err != nil {
		return fmt.Errorf("rendering: resolved: %w", err)
	}
	if r.Accelerator != nil {
		r.Accelerator.ResourceName = keys.key(r.Accelerator.ResourceName)
	}
	return nil
}

// inputOf returns an object as the templates take it, with masked keys. spec is a pointer to
// a struct.
func (t *Templates) inputOf(kind string, metadata map[string]any, spec any, settings ProjectSettings) (input, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return input{}, fmt.Errorf("reading the spec: %w", err)
	}
	if err := checkSize(content); err != nil {
		return input{}, err
	}
	keys := newPlaceholders(t.words)
	keys.avoid(content)
	keys.avoid(metadata)
	keys.avoid(settings.DefaultPriorityClass)
	object := map[string]any{
		"apiVersion": v1.GroupVersion().String(), "kind": kind, "metadata": metadata, "spec": keys.mask(content),
	}
	return input{object: object, keys: keys}, nil
}
