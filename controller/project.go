package controller

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// projectStatus is the statusKind of Projects.
type projectStatus struct{}

func (projectStatus) kind() string { return v1.KindProject }

func (projectStatus) newObject() *v1.Project { return &v1.Project{} }

func (projectStatus) statusOnly(project *v1.Project) *v1.Project {
	return &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: project.Name}, Status: *project.Status.DeepCopy()}
}

func (projectStatus) status(project *v1.Project) any { return &project.Status }

func (projectStatus) complete(project *v1.Project, metadata metav1.ObjectMeta, specOf *v1.Project) {
	project.ObjectMeta, project.Spec = metadata, specOf.Spec
}

func (projectStatus) conditions(project *v1.Project) *[]metav1.Condition {
	return &project.Status.Conditions
}

func (projectStatus) inventory(project *v1.Project) *[]v1.InventoryEntry {
	return &project.Status.Inventory
}

// projectKind is the ownerKind of Projects, which have no endpoint and nothing to observe.
type projectKind struct {
	projectStatus

	renders *renderCache
}

func (*projectKind) prepare(context.Context) error { return nil }

func (k *projectKind) render(_ context.Context, project *v1.Project) (*rendering, error) {
	serving, err := k.renders.serving()
	if err != nil {
		return failedRendering(err), nil
	}
	return k.renders.get(project, renderInput{generation: project.Generation, templates: serving.Digest}, apply.ProjectOwner(project),
		func(*rendering) ([]*unstructured.Unstructured, error) {
			manifests, err := serving.RenderProject(project)
			if err != nil {
				return nil, err
			}
			return manifests.Objects, nil
		}, nil), nil
}

func (*projectKind) claimHost(context.Context, *v1.Project, *rendering) (hostOwnership, error) {
	return hostOwnership{}, nil
}

func (k *projectKind) evaluate(
	_ context.Context, project *v1.Project, _ *rendering, _ hostOwnership, outcomes status.Outcomes,
) (*v1.Project, error) {
	next := k.statusOnly(project)
	next.Status = status.EvaluateProject(status.ObservedProject{Project: project, Outcomes: outcomes})
	return next, nil
}

func (*projectKind) delayAfterApply(*v1.Project, *rendering, apply.ChangeSet) (time.Duration, int) {
	return 0, priorityStatus
}

func (*projectKind) statusDelay(_, _ *v1.Project) (time.Duration, int) { return 0, priorityStatus }

func (*projectKind) keepNewer(_, _ *v1.Project) bool { return false }

func (*projectKind) onDeleting(context.Context, *v1.Project) error { return nil }

func (*projectKind) onDeleted(context.Context, types.NamespacedName) error { return nil }

// listProjects lists the cached Projects. They are shared.
func listProjects(ctx context.Context, cache client.Reader) ([]v1.Project, error) {
	var list v1.ProjectList
	err := cache.List(ctx, &list, client.UnsafeDisableDeepCopy)
	return list.Items, err
}
