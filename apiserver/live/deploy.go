package live

import (
	"cmp"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Deploy is an NpuDeploy of the cluster.
type Deploy struct {
	*v1.NpuDeploy

	// JSON is shared by all readers. It has no managedFields, and includes fields that the Go
	// type lacks.
	JSON []byte
	// StateJSON is the encoded State, shared like JSON.
	StateJSON []byte
	StateSummary
}

// StateSummary is the state of an NpuDeploy.
type StateSummary struct {
	State   status.State `json:"state" enum:"Error,Degraded,Pending,Starting,Ready,ScaledDown" doc:"the conditions in one word"`
	Message string       `json:"message,omitempty" doc:"why it is not Ready, in a sentence: that of the condition Ready"`
}

func readDeploy(value any) (*Deploy, error) {
	object, ok := value.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("reading an NpuDeploy: it is a %T", value)
	}
	object.SetManagedFields(nil)
	text, err := json.Marshal(object.Object)
	if err != nil {
		return nil, fmt.Errorf("reading an NpuDeploy: %w", err)
	}
	deploy := &v1.NpuDeploy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deploy); err != nil {
		return nil, fmt.Errorf("reading the NpuDeploy %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	var summary StateSummary
	summary.State, summary.Message = status.StateOf(deploy)
	state, err := json.Marshal(summary)
	if err != nil {
		return nil, fmt.Errorf("reading an NpuDeploy: %w", err)
	}
	return &Deploy{deploy, text, state, summary}, nil
}

// Key orders Deploys by namespace and name.
type Key struct{ Namespace, Name string }

// Key returns the Deploy's key.
func (d *Deploy) Key() Key { return Key{d.Namespace, d.Name} }

// Compare is negative if k is before other.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name))
}

// Newer reports whether a resourceVersion is later than another. Since Kubernetes 1.35 they
// are comparable numbers. Other values are never Newer.
func Newer(version, than string) bool {
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order > 0
}
