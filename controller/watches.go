package controller

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/cached"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/scheduling"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The informers' indices, beside those of internal/scheduling and controller/apply.

// indexDeploy finds pods and ReplicaSets by their NpuDeploy.
func indexDeploy() cached.Index { return indexLabel("deploy", v1.LabelDeploy) }

// indexPicker finds pods of endpoint pickers by their NpuDeploy.
func indexPicker() cached.Index { return indexLabel("picker", v1.LabelPicker) }

func indexLabel(name, label string) cached.Index {
	return cached.Index{Name: name, Keys: func(object client.Object) []string {
		if value := object.GetLabels()[label]; value != "" {
			return []string{object.GetNamespace() + "/" + value}
		}
		return nil
	}}
}

// indexPod finds events by their pod.
func indexPod() cached.Index {
	return cached.Index{Name: "pod", Keys: func(object client.Object) []string {
		return []string{object.GetNamespace() + "/" + object.(*corev1.Event).InvolvedObject.Name}
	}}
}

// indexBackend finds NpuDeploys by the backends of their routes.
func indexBackend() cached.Index {
	return cached.Index{Name: "backend", Keys: func(object client.Object) []string {
		names := render.BackendNames(object.(*v1.NpuDeploy))
		keys := make([]string, 0, len(names))
		for _, name := range names {
			keys = append(keys, object.GetNamespace()+"/"+name)
		}
		return keys
	}}
}

func addIndices(ctx context.Context, informers cache.Cache) error {
	for _, index := range []struct {
		of   cached.Index
		kind client.Object
	}{
		{indexDeploy(), &corev1.Pod{}},
		{indexPicker(), &corev1.Pod{}},
		{indexDeploy(), newReplicaSet()},
		{indexPod(), &corev1.Event{}},
		{indexBackend(), &v1.NpuDeploy{}},
	} {
		if err := index.of.Add(ctx, informers, index.kind); err != nil {
			return err
		}
	}
	return scheduling.IndexPods(ctx, informers)
}

// indexed returns the cached objects that an index assigns to another object. The copies are shallow: callers must not
// modify what they refer to.
func indexed[T any, P interface {
	*T
	client.Object
}](ctx context.Context, informers cache.Informers, index cached.Index, kind P, of client.Object) ([]T, error) {
	shared, err := cached.Find(ctx, informers, kind, index, client.ObjectKeyFromObject(of).String())
	objects := make([]T, 0, len(shared))
	for _, object := range shared {
		objects = append(objects, *object)
	}
	return objects, err
}

// mapFunc returns the owners that an object affects.
type mapFunc func(ctx context.Context, object client.Object) []types.NamespacedName

// sources are the watches of NpuDeploys, without those of applied objects: see installedKinds.
func (k *deployKind) sources(informers cache.Cache) []source.Source {
	return []source.Source{
		source.Kind[client.Object](informers, &corev1.Pod{}, settled(byLabel, never, k.settle)),
		source.Kind[client.Object](informers, newReplicaSet(), settled(byLabel, never, k.settle)),
		source.Kind[client.Object](informers, &corev1.Event{}, settled(k.byPod, never, k.settle)),
		source.Kind[client.Object](informers, &corev1.Node{}, settled(k.byNode, never, k.settle), nodeChanged()),
		source.Kind[client.Object](informers, &v1.Project{}, k.projectChanged()),
		source.Kind[client.Object](informers, &v1.NpuDeploy{}, k.backendChanged()),
		source.Kind[client.Object](informers, &appsv1.Deployment{}, k.backendChanged()),
	}
}

// projectSources are the watches of Projects. Kubernetes serves the kinds of their objects.
func projectSources(informers cache.Cache) []source.Source {
	kinds := manifests.ProjectKinds()
	sources := make([]source.Source, 0, len(kinds))
	for _, kind := range kinds {
		sources = append(sources,
			source.Kind[client.Object](informers, apply.NewCachedObject(kind), settled(byOwner(v1.KindProject), apply.Drifted, nil)))
	}
	return sources
}

// enqueueOwner enqueues owners. At the start, those with a spec that no status is about come before all others: they
// were created or changed while no controller ran.
func (r *reconciler[T]) enqueueOwner() handler.EventHandler {
	all := &handler.EnqueueRequestForObject{}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workQueue) {
			if e.IsInInitialList && !r.isObserved(e.Object.(T)) {
				enqueue(queue, priorityqueue.AddOpts{Priority: new(prioritySpec)}, client.ObjectKeyFromObject(e.Object))
				return
			}
			all.Create(ctx, e, queue)
		},
		UpdateFunc: all.Update, DeleteFunc: all.Delete,
	}
}

// isObserved reports whether the status is about the spec.
func (r *reconciler[T]) isObserved(object T) bool {
	ready := meta.FindStatusCondition(*r.kind.conditions(object), v1.ConditionReady)
	return ready != nil && ready.ObservedGeneration == object.GetGeneration()
}

// ownerChanged excludes our own status patches, which the informer has from then on.
func (r *reconciler[T]) ownerChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(T), e.ObjectNew.(T)
		r.objects.newest(after)
		if r.specChanged != nil && before.GetGeneration() != after.GetGeneration() {
			r.specChanged(before, after)
		}
		return before.GetGeneration() != after.GetGeneration() || before.GetUID() != after.GetUID() ||
			after.GetDeletionTimestamp() != nil && before.GetDeletionTimestamp() == nil ||
			!slices.Equal(before.GetFinalizers(), after.GetFinalizers()) ||
			before.GetAnnotations()[v1.AnnotationUpdateTo] != after.GetAnnotations()[v1.AnnotationUpdateTo] ||
			r.objects.isOthersStatus(before, after)
	}}
}

// nodeChanged excludes heartbeats.
func nodeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
		return !equality.Semantic.DeepEqual(before.Status, after.Status) ||
			!equality.Semantic.DeepEqual(before.Labels, after.Labels) ||
			before.Spec.Unschedulable != after.Spec.Unschedulable
	}}
}

// driftFunc reports whether fields that we own changed between two versions of an object;
// after is nil if it was deleted.
type driftFunc func(before, after client.Object) bool

// never is the driftFunc of objects that we do not apply.
func never(_, _ client.Object) bool { return false }

// settleFunc returns how long the events of an owner settle. nil: settleStatus.
type settleFunc func(ctx context.Context, owner types.NamespacedName, object client.Object) time.Duration

// settled enqueues the owners that an object affects, before and after the change, once
// events have settled.
func settled(owners mapFunc, drifted driftFunc, settle settleFunc) handler.EventHandler {
	add := func(ctx context.Context, object client.Object, isUrgent bool, queue workQueue) {
		for _, owner := range owners(ctx, object) {
			after, priority := settleStatus, priorityStatus
			switch {
			case isUrgent:
				after, priority = settleDrift, priorityDrift
			case settle != nil:
				after = settle(ctx, owner, object)
			}
			enqueue(queue, priorityqueue.AddOpts{After: after, Priority: &priority}, owner)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workQueue) {
			if !e.IsInInitialList { // At the start, all owners are reconciled.
				add(ctx, e.Object, false, queue)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workQueue) {
			if e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() {
				return // A relist.
			}
			isDrift := drifted(e.ObjectOld, e.ObjectNew)
			if !isDrift && isSame(e.ObjectOld, e.ObjectNew) {
				return
			}
			isUrgent := isDrift || beginsToFail(e.ObjectOld, e.ObjectNew)
			add(ctx, e.ObjectOld, isUrgent, queue)
			add(ctx, e.ObjectNew, isUrgent, queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workQueue) {
			add(ctx, e.Object, drifted(e.Object, nil), queue)
		},
	}
}

// beginsToFail reports whether a container of a pod has begun to back off after an error. This can halt a rollout, so it
// must not wait behind the statuses of other NpuDeploys.
func beginsToFail(before, after client.Object) bool {
	old, isPod := before.(*corev1.Pod)
	return isPod && !isBackingOff(old) && isBackingOff(after.(*corev1.Pod))
}

func isBackingOff(pod *corev1.Pod) bool {
	return slices.ContainsFunc(slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses), func(container corev1.ContainerStatus) bool {
		waiting := container.State.Waiting
		return waiting != nil && strings.HasSuffix(waiting.Reason, "BackOff")
	})
}

// isSame reports whether two versions of an object are the same in all fields that are cached. For example, the
// status of a ReplicaSet is not cached.
func isSame(before, after client.Object) bool {
	switch before := before.(type) {
	case *metav1.PartialObjectMetadata:
		a, b := *before, *after.(*metav1.PartialObjectMetadata)
		a.ResourceVersion, b.ResourceVersion = "", ""
		return equality.Semantic.DeepEqual(a, b)
	case *corev1.Pod:
		a, b := *before, *after.(*corev1.Pod)
		a.ResourceVersion, b.ResourceVersion = "", ""
		return equality.Semantic.DeepEqual(a, b)
	}
	return false
}

// byOwner returns the owner of this kind that controls an object. If none does, it returns the owner that may adopt
// the object, or that the object belonged to. A Project is cluster-scoped, although its objects are not.
func byOwner(kind string) mapFunc {
	return func(_ context.Context, object client.Object) []types.NamespacedName {
		name := types.NamespacedName{Namespace: object.GetNamespace(), Name: ownerOf(kind, object)}
		if adopter := object.GetAnnotations()[v1.AnnotationAdopt]; adopter != "" && metav1.GetControllerOfNoCopy(object) == nil {
			name.Name = adopter
		}
		if name.Name == "" {
			return nil
		}
		if kind == v1.KindProject {
			name.Namespace = ""
		}
		return []types.NamespacedName{name}
	}
}

// ownerOf returns the name of the owner of a kind that controls an object or, if none does, that left it behind.
func ownerOf(kind string, object client.Object) string {
	controller := metav1.GetControllerOfNoCopy(object)
	switch {
	case controller == nil:
		return object.GetLabels()[v1.LabelDeploy]
	case controller.Kind == kind && controller.APIVersion == v1.GroupVersion().String():
		return controller.Name
	}
	return ""
}

func byLabel(_ context.Context, object client.Object) []types.NamespacedName {
	name := cmp.Or(object.GetLabels()[v1.LabelDeploy], object.GetLabels()[v1.LabelPicker])
	if name == "" {
		return nil
	}
	return []types.NamespacedName{{Namespace: object.GetNamespace(), Name: name}}
}

// byPod returns the NpuDeploy of the pod that an event regards, if the pod is ours.
func (k *deployKind) byPod(ctx context.Context, object client.Object) []types.NamespacedName {
	regarding := object.(*corev1.Event).InvolvedObject
	var pod corev1.Pod
	if err := k.cache.Get(ctx, types.NamespacedName{Namespace: regarding.Namespace, Name: regarding.Name}, &pod); err != nil {
		return nil
	}
	return byLabel(ctx, &pod)
}

// byNode returns the NpuDeploys with pods on the node, and those that wait for devices.
func (k *deployKind) byNode(ctx context.Context, object client.Object) []types.NamespacedName {
	pods, err := scheduling.PodsOn(ctx, k.cache, object.GetName())
	if err != nil {
		return nil
	}
	var names []types.NamespacedName
	for i := range pods {
		names = append(names, byLabel(ctx, &pods[i])...)
	}
	deploys, err := listDeploys(ctx, k.cache, metav1.NamespaceAll)
	if err != nil {
		return names
	}
	for _, deploy := range deploys {
		available := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionAvailable)
		if available != nil && (available.Reason == v1.ReasonNoFreeDevice || available.Reason == v1.ReasonUnschedulable) {
			names = append(names, client.ObjectKeyFromObject(deploy))
		}
	}
	return names
}

// projectChanged enqueues the NpuDeploys that a change of a Project affects.
func (k *deployKind) projectChanged() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workQueue) {
			if !e.IsInInitialList { // At the start, all are reconciled.
				k.enqueueAffected(ctx, nil, e.Object, queue)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workQueue) {
			k.enqueueAffected(ctx, e.ObjectOld, e.ObjectNew, queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workQueue) {
			k.enqueueAffected(ctx, e.Object, nil, queue)
		},
	}
}

// enqueueAffected adds all NpuDeploys if the owner of a host may change, and those of the
// namespace if their settings do.
func (k *deployKind) enqueueAffected(ctx context.Context, before, after client.Object, queue workQueue) {
	old, _ := before.(*v1.Project)
	project, _ := after.(*v1.Project)
	var namespace string
	switch {
	case !slices.Equal(suffixesOf(old), suffixesOf(project)):
		namespace = metav1.NamespaceAll
	case render.SettingsOf(old) != render.SettingsOf(project):
		namespace = cmp.Or(project, old).Name
	default:
		return
	}
	deploys, err := listDeploys(ctx, k.cache, namespace)
	if err != nil {
		return // The informer has not started: then all are reconciled.
	}
	options := priorityqueue.AddOpts{Priority: new(priorityStatus)}
	for _, deploy := range deploys {
		enqueue(queue, options, client.ObjectKeyFromObject(deploy))
	}
}

func suffixesOf(project *v1.Project) []v1.HostSuffix {
	if project == nil {
		return nil
	}
	return project.Spec.HostSuffixes
}
