package render

import (
	"fmt"

	"cuelang.org/go/cue"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Manifests are what an object renders to.
type Manifests struct {
	// Objects are in apply order: what others need comes first.
	Objects []*unstructured.Unstructured

	value cue.Value
	keys  *standIns
}

// Result is what an NpuDeploy renders to.
type Result struct {
	Manifests
	// Resolved are the values in use.
	Resolved Resolved
}

// Resolved are the values in use, for status.
type Resolved struct {
	URL            string                `json:"url"`
	Image          string                `json:"image"`
	Selector       string                `json:"selector"`
	StartupSeconds int64                 `json:"startupSeconds"`
	Endpoint       *Endpoint             `json:"endpoint,omitempty"`
	Accelerator    *v1.AcceleratorStatus `json:"accelerator,omitempty"`
	Parallelism    *v1.ParallelismStatus `json:"parallelism,omitempty"`
}

// Endpoint is the address that the deployment claims.
type Endpoint struct {
	Kind v1.EndpointKind `json:"kind"`
	Host string          `json:"host"`
	// Path is the claimed prefix, "" for all paths.
	Path string `json:"path"`
}

// Render renders deploy as the API server holds it, with the facts of its namespace's
// Project. The error is an *Error if the spec is at fault, and any other if the templates
// are.
func (t *Templates) Render(deploy *v1.NpuDeploy, facts ProjectSettings) (*Result, error) {
	keys := newStandIns(t.words)
	input, err := inputOf(v1.Kind, map[string]any{"name": deploy.Name, "namespace": deploy.Namespace}, &deploy.Spec, keys)
	if err != nil {
		return nil, err
	}
	return t.renderDeploy(input, facts, keys)
}

func (t *Templates) renderDeploy(input any, facts ProjectSettings, keys *standIns) (*Result, error) {
	manifests, err := t.workload.render(input, facts, keys)
	if err != nil {
		return nil, err
	}
	result := &Result{Manifests: *manifests}
	if err := decode(result.value, fieldResolved, &result.Resolved); err != nil {
		return nil, fmt.Errorf("rendering: %w", err)
	}
	return result, nil
}

// inputOf is an object as templates take it. Its spec, a pointer to a struct, has the
// keys hidden that no template knows.
func inputOf(kind string, metadata map[string]any, spec any, keys *standIns) (map[string]any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return nil, fmt.Errorf("reading the spec: %w", err)
	}
	if err := checkSize(content); err != nil {
		return nil, err
	}
	return map[string]any{
		"apiVersion": v1.GroupVersion().String(), "kind": kind, "metadata": metadata, "spec": keys.hide(content),
	}, nil
}
