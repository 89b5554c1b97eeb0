package apply

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Owner is the NpuDeploy or the Project whose children are applied.
type Owner struct {
	// Kind decides which children there may be.
	Kind string
	// Namespace is the children's: the NpuDeploy's own, or the one that the Project is
	// named as.
	Namespace, Name string
	UID             types.UID
}

// DeployOwner is an NpuDeploy as an owner.
func DeployOwner(deploy *v1.NpuDeploy) Owner {
	return Owner{Kind: v1.Kind, Namespace: deploy.Namespace, Name: deploy.Name, UID: deploy.UID}
}

// ProjectOwner is a Project as an owner.
func ProjectOwner(project *v1.Project) Owner {
	return Owner{Kind: v1.KindProject, Namespace: project.Name, Name: project.Name, UID: project.UID}
}

// Ref names one child: in its owner's namespace, or that namespace itself.
type Ref struct {
	schema.GroupVersionKind
	Name string
}

// String is what a user reads: "Service llama-8b".
func (r Ref) String() string { return r.Kind + " " + r.Name }

// isNamespace holds for the namespace that a Project makes: it is in none.
func (r Ref) isNamespace() bool { return r.Group == "" && r.Kind == "Namespace" }

// isGround holds for what the rest stands on: a namespace that is not ours gets no people
// and no bounds, and no pod runs as an account that is not ours.
func (r Ref) isGround() bool {
	return r.isNamespace() || r.Group == "" && r.Kind == "ServiceAccount"
}

// key identifies a child whatever the version that it is applied with.
type key struct{ group, kind, name string }

func (r Ref) key() key { return key{r.Group, r.Kind, r.Name} }

func refOf(entry v1.InventoryEntry) Ref {
	return Ref{
		GroupVersionKind: schema.GroupVersionKind{Group: entry.Group, Version: entry.Version, Kind: entry.Kind},
		Name:             entry.Name,
	}
}
