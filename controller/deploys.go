package controller

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys,verbs=get;list;watch
// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys/status,verbs=patch

// deploys are all NpuDeploys.
type deploys struct{ *latest[*v1.NpuDeploy] }

func newDeploys(cache client.Reader, status client.SubResourceWriter) *deploys {
	return &deploys{newLatest(cache, status, func() *v1.NpuDeploy { return &v1.NpuDeploy{} })}
}

func (d *deploys) all(ctx context.Context) ([]v1.NpuDeploy, error) {
	return d.in(ctx, metav1.NamespaceAll)
}

func (d *deploys) in(ctx context.Context, namespace string) ([]v1.NpuDeploy, error) {
	var list v1.NpuDeployList
	err := d.cache.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// record writes the inventory ahead of what it lists.
func (d *deploys) record(ctx context.Context, deploy *v1.NpuDeploy, inventory []v1.InventoryEntry) error {
	next := *deploy.Status.DeepCopy()
	next.Inventory = inventory
	_, err := d.report(ctx, deploy, next)
	return err
}

// report writes the status if it differs.
func (d *deploys) report(ctx context.Context, deploy *v1.NpuDeploy, next v1.NpuDeployStatus) (bool, error) {
	name := metav1.ObjectMeta{Namespace: deploy.Namespace, Name: deploy.Name}
	before := &v1.NpuDeploy{ObjectMeta: name, Status: deploy.Status}
	return d.patch(ctx, before, &v1.NpuDeploy{ObjectMeta: name, Status: next})
}
