package apply

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Owner is the NpuDeploy whose children are applied.
type Owner struct {
	Namespace, Name string
	UID             types.UID
}

// Ref names one child, in its owner's namespace.
type Ref struct {
	schema.GroupVersionKind
	Name string
}

// String is what a user reads: "Service llama-8b".
func (r Ref) String() string { return r.Kind + " " + r.Name }

// key identifies a child whatever the version that it is applied with.
type key struct{ group, kind, name string }

func (r Ref) key() key { return key{r.Group, r.Kind, r.Name} }

func refOf(entry v1.InventoryEntry) Ref {
	return Ref{
		GroupVersionKind: schema.GroupVersionKind{Group: entry.Group, Version: entry.Version, Kind: entry.Kind},
		Name:             entry.Name,
	}
}
