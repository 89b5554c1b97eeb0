package controller

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/dudaji/nufi/internal/cached"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// restoreDelay is the minimum time from the loss of a backend to its return. It prevents a write for each change if the
// pods of a backend alternate between ready and not ready. A loss takes effect at once.
const restoreDelay = 10 * time.Second

// backendsOf returns the states of the backends of deploy, from informers. It is nil if deploy does
// not divide requests.
func (k *deployKind) backendsOf(ctx context.Context, deploy *v1.NpuDeploy) ([]render.Backend, error) {
	name := client.ObjectKeyFromObject(deploy)
	names := render.BackendNames(deploy)
	if len(names) == 0 {
		k.backends.forget(name)
		return nil, nil
	}
	backends := make([]render.Backend, 0, len(names))
	for _, other := range names {
		backend, err := k.backend(ctx, deploy, other)
		if err != nil {
			return nil, err
		}
		backends = append(backends, backend)
	}
	if wait := k.backends.settle(name, backends); wait > 0 {
		k.queue.addWith(priorityqueue.AddOpts{After: wait}, name)
	}
	return backends, nil
}

func (k *deployKind) backend(ctx context.Context, deploy *v1.NpuDeploy, name string) (render.Backend, error) {
	backend := render.Backend{Name: name, State: v1.BackendMissing, Share: render.RecordedShare(deploy, name)}
	key := client.ObjectKey{Namespace: deploy.Namespace, Name: name}
	other := deploy
	if name != deploy.Name {
		other = &v1.NpuDeploy{}
		if err := k.cache.Get(ctx, key, other); err != nil {
			return backend, client.IgnoreNotFound(err)
		}
	}
	backend.Port = servicePort(other)
	if other.DeletionTimestamp != nil {
		return backend, nil
	}
	workload, err := k.backendWorkload(ctx, other)
	if err == nil {
		backend.State = workloadState(workload)
	}
	return backend, err
}

// backendWorkload reads the Deployment, LeaderWorkerSet or RayService of an NpuDeploy, or returns nil.
func (k *deployKind) backendWorkload(ctx context.Context, deploy *v1.NpuDeploy) (client.Object, error) {
	refs, err := k.workloadRefs(ctx, deploy, &rendering{})
	if err != nil {
		return nil, err
	}
	kind, name := serverOf(deploy, refs)
	return k.ownedObject(ctx, deploy, kind, name)
}

// servicePort returns the port in the spec, or 0.
func servicePort(deploy *v1.NpuDeploy) int32 {
	if deploy.Spec.Service == nil {
		return 0
	}
	return ptr.Deref(deploy.Spec.Service.Port, 0)
}

// workloadState is Ready with one ready pod, or group of pods, of any generation: the Service has
// them all.
func workloadState(workload client.Object) v1.BackendState {
	desired, ready := int64(1), int64(0)
	switch workload := workload.(type) {
	case *appsv1.Deployment:
		desired = int64(ptr.Deref(workload.Spec.Replicas, 1))
		ready = int64(workload.Status.ReadyReplicas)
	case *unstructured.Unstructured:
		if workload.GroupVersionKind() == manifests.RayService() {
			if ray, err := status.NewRayService(workload); err == nil && ray.IsServing() {
				ready = 1
			}
			break
		}
		if replicas, exists, _ := unstructured.NestedInt64(workload.Object, "spec", "replicas"); exists {
			desired = replicas
		}
		ready, _, _ = unstructured.NestedInt64(workload.Object, "status", "readyReplicas")
	}
	switch {
	case desired == 0:
		return v1.BackendScaledToZero
	case ready > 0:
		return v1.BackendReady
	}
	return v1.BackendNotReady
}

// describeBackends returns equal texts for equal backends.
func describeBackends(backends []render.Backend) string {
	if len(backends) == 0 {
		return ""
	}
	text, _ := json.Marshal(backends) // Strings and numbers can always be encoded.
	return string(text)
}

// backendStates has the states that the routes of NpuDeploys follow.
type backendStates struct {
	clock clock.PassiveClock

	mu       sync.Mutex
	byDeploy map[types.NamespacedName]map[string]backendState
}

type backendState struct {
	state v1.BackendState
	lost  time.Time // zero if it was never Ready before
}

func newBackendStates(passive clock.PassiveClock) *backendStates {
	return &backendStates{clock: passive, byDeploy: map[types.NamespacedName]map[string]backendState{}}
}

// settle replaces the observed states of the backends of deploy by those that its route follows. It returns the time
// until a backend may return, or 0.
func (s *backendStates) settle(deploy types.NamespacedName, backends []render.Backend) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	next := make(map[string]backendState, len(backends))
	var wait time.Duration
	for i := range backends {
		backend := &backends[i]
		before := s.byDeploy[deploy][backend.Name]
		remaining := before.lost.Add(restoreDelay).Sub(now)
		switch {
		case backend.State != v1.BackendReady && before.state == v1.BackendReady:
			before.lost = now
		case backend.State == v1.BackendReady && before.state != v1.BackendReady && !before.lost.IsZero() && remaining > 0:
			backend.State = before.state
			if wait == 0 || remaining < wait {
				wait = remaining
			}
		}
		before.state = backend.State
		next[backend.Name] = before
	}
	s.byDeploy[deploy] = next
	return wait
}

func (s *backendStates) forget(deploy types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byDeploy, deploy)
}

// backendChanged enqueues the NpuDeploys that send requests to the NpuDeploy or workload of an
// event, if their routes depend on the change.
func (k *deployKind) backendChanged() handler.EventHandler {
	add := func(ctx context.Context, object client.Object, queue workQueue) {
		deploys, err := cached.Find(ctx, k.cache, &v1.NpuDeploy{}, indexBackend(), object.GetNamespace()+"/"+backendName(object))
		if err != nil {
			return // The informer has not started yet; its start reconciles all.
		}
		options := priorityqueue.AddOpts{After: settleDrift, Priority: new(priorityDrift)}
		for _, deploy := range deploys {
			enqueue(queue, options, client.ObjectKeyFromObject(deploy))
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workQueue) {
			if !e.IsInInitialList { // At the start, all are reconciled.
				add(ctx, e.Object, queue)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workQueue) {
			if routeInput(e.ObjectOld) != routeInput(e.ObjectNew) {
				add(ctx, e.ObjectNew, queue)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workQueue) { add(ctx, e.Object, queue) },
	}
}

// backendName returns the name of an NpuDeploy, or of the NpuDeploy that a workload belongs to.
func backendName(object client.Object) string {
	if _, isDeploy := object.(*v1.NpuDeploy); isDeploy {
		return object.GetName()
	}
	return ownerOf(v1.Kind, object)
}

// routeInput is what routes depend on of an NpuDeploy or a workload.
func routeInput(object client.Object) render.Backend {
	input := render.Backend{Name: string(object.GetUID())}
	switch object := object.(type) {
	case *appsv1.Deployment, *unstructured.Unstructured:
		input.State = workloadState(object)
	case *v1.NpuDeploy:
		input.Port = servicePort(object)
		if object.DeletionTimestamp != nil {
			input.State = v1.BackendMissing
		}
	}
	return input
}
