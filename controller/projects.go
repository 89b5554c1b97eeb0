package controller

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=dudaji.com,resources=projects,verbs=get;list;watch
// +kubebuilder:rbac:groups=dudaji.com,resources=projects/status,verbs=patch

// projects are all Projects.
type projects struct{ *latest[*v1.Project] }

func newProjects(cache client.Reader, status client.SubResourceWriter) *projects {
	return &projects{newLatest(cache, status, func() *v1.Project { return &v1.Project{} })}
}

func (p *projects) all(ctx context.Context) ([]v1.Project, error) {
	var list v1.ProjectList
	err := p.cache.List(ctx, &list, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// factsFor are what the NpuDeploys of a namespace follow.
func (p *projects) factsFor(ctx context.Context, namespace string) (render.ProjectSettings, error) {
	project, err := p.get(ctx, client.ObjectKey{Name: namespace})
	return render.SettingsOf(project), err
}

// record writes the inventory ahead of what it lists.
func (p *projects) record(ctx context.Context, project *v1.Project, inventory []v1.InventoryEntry) error {
	next := *project.Status.DeepCopy()
	next.Inventory = inventory
	_, err := p.report(ctx, project, next)
	return err
}

// report writes the status if it differs.
func (p *projects) report(ctx context.Context, project *v1.Project, next v1.ProjectStatus) (bool, error) {
	name := metav1.ObjectMeta{Name: project.Name}
	before := &v1.Project{ObjectMeta: name, Status: project.Status}
	return p.patch(ctx, before, &v1.Project{ObjectMeta: name, Status: next})
}
