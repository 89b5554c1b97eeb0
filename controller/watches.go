package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/scheduling"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The informers' indices.
const (
	indexDeploy = "deploy" // pods and ReplicaSets by NpuDeploy
	indexPod    = "pod"    // events by pod
)

// addIndices makes lists cost what they return.
func addIndices(ctx context.Context, informers cache.Cache) error {
	deployOf := func(object client.Object) []string { return []string{object.GetLabels()[v1.LabelDeploy]} }
	for _, index := range []struct {
		object client.Object
		field  string
		values client.IndexerFunc
	}{
		{&corev1.Pod{}, indexDeploy, deployOf},
		{newReplicaSet(), indexDeploy, deployOf},
		{&corev1.Event{}, indexPod, func(object client.Object) []string {
			return []string{object.(*corev1.Event).InvolvedObject.Name}
		}},
	} {
		if err := informers.IndexField(ctx, index.object, index.field, index.values); err != nil {
			return err
		}
	}
	return scheduling.IndexPods(ctx, informers)
}

// concerns returns the NpuDeploys that an object has to do with.
type concerns func(ctx context.Context, object client.Object) []types.NamespacedName

// sources are what the controller watches from the start.
func (r *reconciler) sources(informers cache.Cache) []source.Source {
	return []source.Source{
		r.queue,
		source.Kind[client.Object](informers, &v1.NpuDeploy{}, &handler.EnqueueRequestForObject{}, specChanged()),
		source.Kind[client.Object](informers, &corev1.Pod{}, settled(byLabel, never)),
		source.Kind[client.Object](informers, newReplicaSet(), settled(byLabel, never)),
		source.Kind[client.Object](informers, &corev1.Event{}, settled(r.byPod, never)),
		source.Kind[client.Object](informers, &corev1.Node{}, settled(r.byNode, never), nodeChanged()),
		source.Kind[client.Object](informers, &v1.Project{}, r.projectChanged()),
	}
}

// watchChildren is for one kind of child.
func watchChildren(informers cache.Cache, kind schema.GroupVersionKind) source.Source {
	return source.Kind[client.Object](informers, apply.NewChild(kind), settled(byController, apply.Drifted))
}

// specChanged leaves out our own status patches.
func specChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			e.ObjectOld.GetUID() != e.ObjectNew.GetUID() ||
			e.ObjectNew.GetDeletionTimestamp() != nil
	}}
}

// nodeChanged leaves out heartbeats.
func nodeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
		return !equality.Semantic.DeepEqual(before.Status, after.Status) ||
			!equality.Semantic.DeepEqual(before.Labels, after.Labels) ||
			before.Spec.Unschedulable != after.Spec.Unschedulable
	}}
}

// drift says whether what we own changed from one version of an object to the next, nil
// if that is gone.
type drift func(before, after client.Object) bool

// never is for what is not ours.
func never(_, _ client.Object) bool { return false }

// settled enqueues what an object concerns, before and after, once events have settled.
func settled(of concerns, is drift) handler.EventHandler {
	add := func(ctx context.Context, object client.Object, drifted bool, queue workQueue) {
		after, urgency := settleStatus, urgencyStatus
		if drifted {
			after, urgency = settleDrift, urgencyDrift
		}
		enqueue(queue, priorityqueue.AddOpts{After: after, Priority: &urgency}, of(ctx, object)...)
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workQueue) {
			if !e.IsInInitialList { // At the start, all are reconciled anyway.
				add(ctx, e.Object, false, queue)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workQueue) {
			if e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() {
				return // A relist.
			}
			drifted := is(e.ObjectOld, e.ObjectNew)
			add(ctx, e.ObjectOld, drifted, queue)
			add(ctx, e.ObjectNew, drifted, queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workQueue) {
			add(ctx, e.Object, is(e.Object, nil), queue)
		},
	}
}

func byController(_ context.Context, object client.Object) []types.NamespacedName {
	if name := ownerOf(object, v1.Kind); name != "" {
		return []types.NamespacedName{{Namespace: object.GetNamespace(), Name: name}}
	}
	return nil
}

// ownerOf is the name of the object of this kind of ours that controls another, or which
// that is handed over to.
func ownerOf(object client.Object, kind string) string {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil {
		return object.GetAnnotations()[v1.AnnotationAdopt]
	}
	if owner.Kind != kind || owner.APIVersion != v1.GroupVersion().String() {
		return ""
	}
	return owner.Name
}

func byLabel(_ context.Context, object client.Object) []types.NamespacedName {
	name := object.GetLabels()[v1.LabelDeploy]
	if name == "" {
		return nil
	}
	return []types.NamespacedName{{Namespace: object.GetNamespace(), Name: name}}
}

// byPod is for events; those of other pods concern nobody.
func (r *reconciler) byPod(ctx context.Context, object client.Object) []types.NamespacedName {
	about := object.(*corev1.Event).InvolvedObject
	var pod corev1.Pod
	if err := r.cache.Get(ctx, types.NamespacedName{Namespace: about.Namespace, Name: about.Name}, &pod); err != nil {
		return nil
	}
	return byLabel(ctx, &pod)
}

// byNode returns those who have pods on the node, and those who wait for devices.
func (r *reconciler) byNode(ctx context.Context, object client.Object) []types.NamespacedName {
	pods, err := scheduling.PodsOn(ctx, r.cache, object.GetName())
	if err != nil {
		return nil
	}
	var names []types.NamespacedName
	for i := range pods {
		names = append(names, byLabel(ctx, &pods[i])...)
	}
	all, err := r.deploys.all(ctx)
	if err != nil {
		return names
	}
	for i := range all {
		available := meta.FindStatusCondition(all[i].Status.Conditions, v1.ConditionAvailable)
		if available != nil && (available.Reason == v1.ReasonNoFreeDevice || available.Reason == v1.ReasonUnschedulable) {
			names = append(names, client.ObjectKeyFromObject(&all[i]))
		}
	}
	return names
}
