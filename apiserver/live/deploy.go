package live

import (
	"cmp"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Deploy is an NpuDeploy as Kubernetes has it.
type Deploy struct {
	*v1.NpuDeploy

	// JSON is made once for all readers, without managedFields. It has what this program's
	// own type does not know, too.
	JSON []byte
}

func readDeploy(object any) (*Deploy, error) {
	found, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("reading an NpuDeploy: it is a %T", object)
	}
	found.SetManagedFields(nil)
	text, err := json.Marshal(found.Object)
	if err != nil {
		return nil, fmt.Errorf("reading an NpuDeploy: %w", err)
	}
	deploy := &v1.NpuDeploy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, deploy); err != nil {
		return nil, fmt.Errorf("reading the NpuDeploy %s/%s: %w", found.GetNamespace(), found.GetName(), err)
	}
	return &Deploy{deploy, text}, nil
}

// Key is where a Deploy is in their order: by namespace, and then by name.
type Key struct{ Namespace, Name string }

// Key returns the Deploy's own.
func (d *Deploy) Key() Key { return Key{d.Namespace, d.Name} }

// Compare is negative if k comes before other.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name))
}

// newer says whether a version is later than another: they are numbers, since Kubernetes
// 1.35 by contract. What is none is not newer than anything.
func newer(version, than string) bool {
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order > 0
}
