package apply

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Owner is the NpuDeploy or the Project that owns the applied objects.
type Owner struct {
	manifests.Owner

	Name string
	UID  types.UID
}

// DeployOwner returns the NpuDeploy as an owner.
func DeployOwner(deploy *v1.NpuDeploy) Owner {
	return Owner{manifests.DeployOwner(deploy.Namespace), deploy.Name, deploy.UID}
}

// ProjectOwner returns the Project as an owner.
func ProjectOwner(project *v1.Project) Owner {
	return Owner{manifests.ProjectOwner(project.Name), project.Name, project.UID}
}

// Ref identifies one object: in its owner's namespace, or that namespace itself.
type Ref struct {
	schema.GroupVersionKind
	Name string
}

// String returns the kind and the name: "Service llama-8b".
func (r Ref) String() string { return r.Kind + " " + r.Name }

// isNamespace reports whether it is the namespace of a Project, which is cluster-scoped.
func (r Ref) isNamespace() bool { return r.Group == "" && r.Kind == "Namespace" }

// isPrerequisite reports whether the objects after it require it. A namespace that is not
// ours gets no members and no quota, and no pod runs as a service account that is not ours.
func (r Ref) isPrerequisite() bool {
	return r.isNamespace() || r.Group == "" && r.Kind == "ServiceAccount"
}

// key identifies an object in any version of its API.
type key struct{ group, kind, name string }

func (r Ref) key() key { return key{r.Group, r.Kind, r.Name} }
