package controller

import (
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys,verbs=get;list;watch
// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys/status,verbs=patch

// deploys reads NpuDeploys from an informer and patches their status. What it wrote
// itself it knows at once: a decision on an older status would be written again, or
// not at all.
type deploys struct {
	cache  client.Reader
	status client.SubResourceWriter

	mu      sync.Mutex
	written map[types.NamespacedName]*v1.NpuDeploy
	uids    map[types.NamespacedName]types.UID
}

func newDeploys(cache client.Reader, status client.SubResourceWriter) *deploys {
	return &deploys{
		cache: cache, status: status,
		written: map[types.NamespacedName]*v1.NpuDeploy{}, uids: map[types.NamespacedName]types.UID{},
	}
}

// get returns the newest version that is known, or nil if there is none. It is shared:
// nobody may change it.
func (d *deploys) get(ctx context.Context, name types.NamespacedName) (*v1.NpuDeploy, error) {
	deploy := &v1.NpuDeploy{}
	if err := d.cache.Get(ctx, name, deploy); apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // Absence is an answer.
	} else if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ours := d.written[name]
	if ours != nil && ours.UID == deploy.UID && isNewer(ours, deploy) {
		return ours, nil
	}
	delete(d.written, name)
	return deploy, nil
}

func isNewer(a, b *v1.NpuDeploy) bool {
	order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	return err == nil && order > 0
}

func (d *deploys) all(ctx context.Context) ([]v1.NpuDeploy, error) {
	var list v1.NpuDeployList
	err := d.cache.List(ctx, &list, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// note remembers the UID, and returns that of a former deployment of this name.
func (d *deploys) note(name types.NamespacedName, uid types.UID) (former types.UID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	former = d.uids[name]
	d.uids[name] = uid
	if former == uid {
		return ""
	}
	return former
}

// names lists those that were noted and not forgotten.
func (d *deploys) names() []types.NamespacedName {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.uids))
}

// record writes the inventory ahead of what it lists.
func (d *deploys) record(ctx context.Context, deploy *v1.NpuDeploy, inventory []v1.InventoryEntry) error {
	next := *deploy.Status.DeepCopy()
	next.Inventory = inventory
	_, err := d.patch(ctx, deploy, next)
	return err
}

// patch writes the status if it differs.
func (d *deploys) patch(ctx context.Context, deploy *v1.NpuDeploy, next v1.NpuDeployStatus) (bool, error) {
	if equality.Semantic.DeepEqual(deploy.Status, next) {
		return false, nil
	}
	// Only the status is compared: the spec is large, and not ours.
	name := metav1.ObjectMeta{Namespace: deploy.Namespace, Name: deploy.Name}
	before := &v1.NpuDeploy{ObjectMeta: name, Status: deploy.Status}
	after := &v1.NpuDeploy{ObjectMeta: name, Status: next}
	err := d.status.Patch(ctx, after, client.MergeFrom(before), client.FieldOwner(v1.FieldManager))
	if apierrors.IsNotFound(err) {
		return false, nil // Deleted meanwhile.
	}
	if err != nil {
		return false, err
	}
	stripDeploy(after)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written[types.NamespacedName{Namespace: deploy.Namespace, Name: deploy.Name}] = after
	return true, nil
}

// forget returns the UID that the deployment had, empty if it was never noted.
func (d *deploys) forget(name types.NamespacedName) types.UID {
	d.mu.Lock()
	defer d.mu.Unlock()
	uid := d.uids[name]
	delete(d.uids, name)
	delete(d.written, name)
	return uid
}
