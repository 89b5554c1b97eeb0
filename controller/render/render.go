package render

import (
	"fmt"

	"cuelang.org/go/cue"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The fields of package workload that a render fills or reads.
const (
	fieldDeploy   = "deploy"
	fieldRefuse   = "refuse"
	fieldObjects  = "objects"
	fieldResolved = "resolved"
)

// Result is what a spec renders to.
type Result struct {
	// Objects are the manifests in apply order: what others need comes first.
	Objects []*unstructured.Unstructured
	// Resolved are the values in use.
	Resolved Resolved

	value cue.Value
	keys  *standIns
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

// Render renders deploy as the API server holds it. The error is an *Error if the spec
// is at fault, and any other if the templates are.
func (t *Templates) Render(deploy *v1.NpuDeploy) (*Result, error) {
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&deploy.Spec)
	if err != nil {
		return nil, fmt.Errorf("reading the spec: %w", err)
	}
	if err := checkSize(spec); err != nil {
		return nil, err
	}
	keys := newStandIns(t.words)
	return t.render(map[string]any{
		"apiVersion": v1.GroupVersion().String(),
		"kind":       v1.Kind,
		"metadata":   map[string]any{"name": deploy.Name, "namespace": deploy.Namespace},
		"spec":       keys.hide(spec),
	}, keys)
}

// render unifies deploy, a Go value or a cue.Value of this set's context, with the
// templates.
func (t *Templates) render(deploy any, keys *standIns) (*Result, error) {
	value := t.workload.FillPath(cue.MakePath(cue.Str(fieldDeploy)), deploy)
	// The spec comes first: what is wrong with it makes noise everywhere else.
	if err := validate(value, fieldDeploy); err != nil {
		return nil, faultsOf(t.elementErrors(err, value, deploy), value, t.workload, keys)
	}
	if err := validate(value, fieldRefuse); err != nil {
		return nil, faultsOf(err, value, t.workload, keys)
	}
	if err := validate(value, fieldObjects); err != nil {
		return nil, fmt.Errorf("rendering: %w", oneLine(err))
	}
	result := &Result{value: value, keys: keys}
	if err := result.read(); err != nil {
		return nil, fmt.Errorf("rendering: %w", err)
	}
	return result, nil
}

func validate(value cue.Value, field string) error {
	return value.LookupPath(cue.MakePath(cue.Str(field))).Validate(cue.Concrete(true))
}

// read takes the objects and the resolved values out of CUE.
func (r *Result) read() error {
	var objects map[string]any
	if err := decode(r.value, fieldObjects, &objects); err != nil {
		return err
	}
	for name, object := range objects {
		content, ok := r.keys.reveal(object).(map[string]any)
		if !ok {
			return fmt.Errorf("objects.%s is no object", name)
		}
		r.Objects = append(r.Objects, &unstructured.Unstructured{Object: content})
	}
	sortForApply(r.Objects)
	return decode(r.value, fieldResolved, &r.Resolved)
}

// decode goes by way of JSON: k8s.io's keeps whole numbers whole, as unstructured
// objects need them.
func decode(value cue.Value, field string, into any) error {
	content, err := value.LookupPath(cue.MakePath(cue.Str(field))).MarshalJSON()
	if err != nil {
		return oneLine(err)
	}
	return json.Unmarshal(content, into)
}
