// Package live caches the cluster's NpuDeploys, Projects, namespaces, nodes and pods, with one watch of
// each for all users. NpuDeploys are in a DeployCache, with their JSON and their events; the
// others are read through Reader.
//
// The caches are created with the server's permissions: their content may be sent to a user
// only after kube.UserClient.Can. Objects are shared and must not be modified.
package live

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/scheduling"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The cached resources, for UnreachableSince.
const (
	NpuDeploys = "npudeploys"
	Projects   = "projects"
	Namespaces = "namespaces"
	Nodes      = "nodes"
	Pods       = "pods"
)

// Cache holds the last observed state of the cluster.
type Cache struct {
	clock        func() time.Time
	cache        cache.Cache
	connectivity *kube.Connectivity
	informers    []cache.Informer
	deploys      *DeployCache
	projects     *signal
	reflector    *toolscache.Reflector
}

// New returns a Cache, which is empty before Run. It logs with the logger of ctx.
func New(ctx context.Context, system *kube.SystemClient, clock func() time.Time) (*Cache, error) {
	scheme, err := kube.NewScheme()
	if err != nil {
		return nil, err
	}
	connectivity := kube.NewConnectivity(clock, logr.FromContextOrDiscard(ctx))
	created, err := system.NewCache(cache.Options{
		Scheme: scheme, Mapper: newMapper(), ReaderFailOnMissingInformer: true, DefaultUnsafeDisableDeepCopy: new(true),
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:  {Transform: scheduling.StripPod},
			&corev1.Node{}: {Transform: scheduling.StripNode},
		},
	}, connectivity)
	if err != nil {
		return nil, err
	}
	c := &Cache{clock: clock, cache: created, connectivity: connectivity, deploys: &DeployCache{}, projects: &signal{}}
	for _, kind := range []client.Object{&v1.Project{}, &corev1.Namespace{}, &corev1.Pod{}, &corev1.Node{}} {
		informer, err := created.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("creating an informer: %w", err)
		}
		c.informers = append(c.informers, informer)
	}
	listerWatcher, err := system.ListerWatcher(v1.GroupVersion().WithResource(NpuDeploys), connectivity)
	if err != nil {
		return nil, err
	}
	c.reflector = toolscache.NewReflectorWithOptions(listerWatcher, nil, reflectorStore{c.deploys}, toolscache.ReflectorOptions{
		Name: NpuDeploys,
		// The default waits up to half a minute after an outage.
		Backoff: &wait.Backoff{Duration: time.Second, Cap: 5 * time.Second, Steps: 5, Factor: 2, Jitter: 0.5},
	})
	if err := c.Changes(ctx, func(_, _ client.Object) { c.projects.send() }, &v1.Project{}); err != nil {
		return nil, err
	}
	return c, scheduling.IndexPods(ctx, created)
}

// newMapper returns a mapper of the cached kinds. With discovery instead, New would return an
// error while Kubernetes' API server is unreachable.
func newMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Node"), meta.RESTScopeRoot)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	mapper.Add(v1.GroupVersion().WithKind("Project"), meta.RESTScopeRoot)
	return mapper
}

// Run fills the caches until ctx ends. Kubernetes' API server may be unreachable at any time,
// including the start.
func (c *Cache) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		c.reflector.RunWithContext(ctx)
		return nil
	})
	group.Go(func() error { return c.cache.Start(ctx) })
	return group.Wait()
}

// Ready reports whether all caches have synced.
func (c *Cache) Ready() bool {
	for _, informer := range c.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	snapshot, _ := c.deploys.Snapshot()
	return snapshot.Version != ""
}

// Deploys returns the cached NpuDeploys.
func (c *Cache) Deploys() *DeployCache { return c.deploys }

// Reader reads Projects, namespaces, pods and nodes from the caches.
func (c *Cache) Reader() client.Reader { return c.cache }

// UnreachableSince returns since when the cache of one of the resources has not been updated.
// It is zero while all are up to date.
func (c *Cache) UnreachableSince(resources ...string) time.Time {
	return c.connectivity.UnreachableSince(resources...)
}
