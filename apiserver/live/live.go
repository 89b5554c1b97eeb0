// Package live is what the server knows of the cluster without asking: NpuDeploys,
// Projects, nodes and pods, by one watch each, however many people look. NpuDeploys are
// Deploys, with their JSON and their changes; the others are in Reader.
//
// It is filled with the server's own rights. Nothing in it is for anybody before
// kube.UserClient.Can has said so. Its objects are shared: nobody changes them.
package live

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/scheduling"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The resources that are known, as Contact calls them.
const (
	NpuDeploys = "npudeploys"
	Projects   = "projects"
	Nodes      = "nodes"
	Pods       = "pods"
)

// Cluster is the cluster as it was last heard of.
type Cache struct {
	cache     cache.Cache
	contact   *kube.Connectivity
	informers []cache.Informer
	deploys   *DeployCache
	reflector *toolscache.Reflector
}

// New returns a Cluster that knows nothing before Run.
func New(ctx context.Context, system *kube.SystemClient, clock func() time.Time) (*Cache, error) {
	scheme, err := kube.NewScheme()
	if err != nil {
		return nil, err
	}
	contact, shared := kube.NewConnectivity(clock), true
	filled, err := system.NewCache(cache.Options{
		Scheme: scheme, ReaderFailOnMissingInformer: true, DefaultUnsafeDisableDeepCopy: &shared,
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:  {Transform: scheduling.StripPod},
			&corev1.Node{}: {Transform: scheduling.StripNode},
		},
	}, contact)
	if err != nil {
		return nil, err
	}
	c := &Cache{cache: filled, contact: contact, deploys: &DeployCache{}}
	for _, kind := range []client.Object{&v1.Project{}, &corev1.Pod{}, &corev1.Node{}} {
		informer, err := filled.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("making an informer: %w", err)
		}
		c.informers = append(c.informers, informer)
	}
	source, err := system.ListerWatcher(v1.GroupVersion().WithResource(NpuDeploys), contact)
	if err != nil {
		return nil, err
	}
	c.reflector = toolscache.NewReflectorWithOptions(source, nil, filling{c.deploys}, toolscache.ReflectorOptions{
		Name: NpuDeploys,
		// Half a minute, which is the default, is long for people who wait for Kubernetes.
		Backoff: &wait.Backoff{Duration: time.Second, Cap: 5 * time.Second, Steps: 5, Factor: 2, Jitter: 0.5},
	})
	return c, scheduling.IndexPods(ctx, filled)
}

// Run keeps up with the cluster until ctx ends. Kubernetes' API server may be away at any
// time, the beginning too.
func (c *Cache) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		c.reflector.RunWithContext(ctx)
		return nil
	})
	group.Go(func() error { return c.cache.Start(ctx) })
	return group.Wait()
}

// Ready says whether all has been read once. Before, what Reader finds is not the cluster.
func (c *Cache) Ready() bool {
	for _, informer := range c.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	now, _ := c.deploys.Snapshot()
	return now.Version != ""
}

// Deploys are the NpuDeploys that are known.
func (c *Cache) Deploys() *DeployCache { return c.deploys }

// Reader reads what is known of Projects, pods and nodes.
func (c *Cache) Reader() client.Reader { return c.cache }

// Lost says since when nothing is heard of any of these resources: what Reader finds is as
// old. It is zero while all is well.
func (c *Cache) UnreachableSince(resources ...string) time.Time {
	return c.contact.UnreachableSince(resources...)
}
