package controller

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups="",resources=nodes;pods,verbs=get;list;watch

// observe reads the input of status.Evaluate, without the outcomes of render and apply, from informers.
func (k *deployKind) observe(
	ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering, host hostOwnership,
) (status.Observed, error) {
	observed := status.Observed{Deploy: deploy, Resolved: rendered.resolved, Update: rendered.update}
	var err error
	if observed.Workload, err = k.workload(ctx, deploy, rendered); err != nil {
		return observed, err
	}
	accelerator := deploy.Status.Accelerator
	if rendered.resolved != nil {
		accelerator = rendered.resolved.Accelerator
	}
	observed.Scheduling, err = scheduling.Context(ctx, k.cache, deploy, accelerator, observed.Workload.AllPods())
	if err != nil {
		return observed, err
	}
	if observed.Route, err = k.route(ctx, deploy, rendered, host); err != nil || deploy.Spec.Scaling == nil {
		return observed, err
	}
	observed.Autoscaler, err = k.autoscaler(ctx, deploy, rendered)
	return observed, err
}

// autoscaler reads the rendered autoscaler. It is nil if there is none.
func (k *deployKind) autoscaler(ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering) (*unstructured.Unstructured, error) {
	for _, kind := range []string{"HorizontalPodAutoscaler", "ScaledObject"} {
		object, err := k.renderedObject(ctx, deploy, rendered, kind, "")
		if autoscaler, ok := object.(*unstructured.Unstructured); ok || err != nil {
			return autoscaler, err
		}
	}
	return nil, nil //nolint:nilnil // Absence is not an error.
}

// workload reads the Deployment, LeaderWorkerSet or RayService, the Deployment of prefill, and their pods: those of
// the previous generation if this one does not render.
func (k *deployKind) workload(ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering) (status.Workload, error) {
	var workload status.Workload
	refs, err := k.workloadRefs(ctx, deploy, rendered)
	if err != nil {
		return workload, err
	}
	kind, name := serverOf(deploy, refs)
	object, err := k.ownedObject(ctx, deploy, kind, name)
	if err != nil || object == nil {
		return workload, err
	}
	if err := k.setObject(&workload, deploy, kind, object); err != nil {
		return workload, err
	}
	if workload.ReplicaSets, err = indexed(ctx, k.cache, indexDeploy(), newReplicaSet(), deploy); err != nil {
		return workload, err
	}
	if workload.Pods, err = indexed(ctx, k.cache, indexDeploy(), &corev1.Pod{}, deploy); err != nil {
		return workload, err
	}
	if slices.ContainsFunc(refs, func(ref apply.Ref) bool { return ref.Name == manifests.PrefillName(deploy.Name) }) {
		if err := k.addPrefill(ctx, deploy, &workload); err != nil {
			return workload, err
		}
	}
	if workload.Warnings, err = k.warnings(ctx, workload.Pods); err == nil && workload.MissingPods() > 0 {
		workload.Rejection, err = k.rejection(ctx, deploy, name)
	}
	if err == nil {
		workload.Admission = k.admission(ctx, deploy, workload)
	}
	return workload, err
}

// setObject sets the Deployment, LeaderWorkerSet or RayService.
func (k *deployKind) setObject(
	workload *status.Workload, deploy *v1.NpuDeploy, kind schema.GroupVersionKind, object client.Object,
) (err error) {
	switch object := object.(type) {
	case *appsv1.Deployment:
		workload.Deployment = object
		workload.SpecObserved = k.specs.isObserved(client.ObjectKeyFromObject(deploy), object)
	case *unstructured.Unstructured:
		if kind == manifests.RayService() {
			workload.Ray, err = status.NewRayService(object)
		} else {
			workload.Groups, err = status.NewLeaderWorkerSet(object)
		}
	}
	return err
}

// rejectionAge is the age up to which an event explains missing pods, and rejectionDelay the delay before
// events are listed again.
const (
	rejectionAge   = 20 * time.Minute
	rejectionDelay = 5 * time.Second
)

// rejection returns why the StatefulSets of a LeaderWorkerSet could not create a pod, or "". It reads events,
// because no object's status has the reason. They are not cached.
func (k *deployKind) rejection(ctx context.Context, deploy *v1.NpuDeploy, set string) (string, error) {
	var events corev1.EventList
	err := k.direct.List(ctx, &events, client.InNamespace(deploy.Namespace),
		client.MatchingFields{"involvedObject.kind": "StatefulSet", "reason": "FailedCreate"})
	if err != nil {
		return "", err
	}
	text, last := "", k.clock.Now().Add(-rejectionAge)
	for i := range events.Items {
		event := &events.Items[i]
		name := event.InvolvedObject.Name
		if at := status.EventTime(event); (name == set || strings.HasPrefix(name, set+"-")) && at.After(last) {
			text, last = event.Message, at
		}
	}
	if text == "" {
		k.queue.addWith(priorityqueue.AddOpts{After: rejectionDelay}, client.ObjectKeyFromObject(deploy))
	}
	return text, nil
}

// addPrefill moves the pods of the role prefill to a workload of their own, with its Deployment.
func (k *deployKind) addPrefill(ctx context.Context, deploy *v1.NpuDeploy, workload *status.Workload) error {
	isPrefill := func(pod corev1.Pod) bool { return pod.Labels[status.LabelRole] == status.RolePrefill }
	prefill, pods := &status.Workload{ReplicaSets: workload.ReplicaSets}, workload.Pods
	workload.Prefill, workload.Pods = prefill, nil
	for _, pod := range pods {
		if isPrefill(pod) {
			prefill.Pods = append(prefill.Pods, pod)
		} else {
			workload.Pods = append(workload.Pods, pod)
		}
	}
	name := manifests.PrefillName(deploy.Name)
	object, err := k.ownedObject(ctx, deploy, manifests.Deployment(), name)
	if deployment, ok := object.(*appsv1.Deployment); ok {
		prefill.Deployment = deployment
		prefill.SpecObserved = k.specs.isObserved(client.ObjectKey{Namespace: deploy.Namespace, Name: name}, deployment)
	}
	if err == nil {
		prefill.Warnings, err = k.warnings(ctx, prefill.Pods)
	}
	if err == nil {
		prefill.Admission = k.admission(ctx, deploy, *prefill)
	}
	return err
}

// workloadRefs returns the rendered objects or, if none of them has pods that answer requests, the existing ones.
func (k *deployKind) workloadRefs(ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering) ([]apply.Ref, error) {
	if _, name := serverOf(deploy, rendered.refs()); name != "" {
		return rendered.refs(), nil
	}
	children, err := k.applier.Children(ctx, apply.DeployOwner(deploy))
	refs := make([]apply.Ref, len(children))
	for i := range children {
		refs[i] = children[i].Ref
	}
	return refs, err
}

// serverOf returns the kind and name of the object with the pods that answer requests. The name is empty if there is
// none.
func serverOf(deploy *v1.NpuDeploy, refs []apply.Ref) (kind schema.GroupVersionKind, name string) {
	for _, ref := range refs {
		if manifests.IsServer(deploy.Name, ref.GroupVersionKind, ref.Name) {
			return ref.GroupVersionKind, ref.Name
		}
	}
	return manifests.Deployment(), ""
}

// observedSpecs has, for each NpuDeploy, the spec of its Deployment that the Deployment's
// controller acted on last; by its own name that of the Deployment of prefill.
type observedSpecs struct {
	mu       sync.Mutex
	byDeploy map[types.NamespacedName]observedSpec
}

type observedSpec struct {
	uid              types.UID
	digest, revision string
}

// isObserved reports whether the Deployment's controller has acted on the spec, in this or in an
// earlier generation. If it acted on another one since, the revision has another number.
func (s *observedSpecs) isObserved(name types.NamespacedName, deployment *appsv1.Deployment) bool {
	current := observedSpec{deployment.UID, deployment.Annotations[annotationSpec], deployment.Annotations[status.AnnotationRevision]}
	s.mu.Lock()
	defer s.mu.Unlock()
	if deployment.Status.ObservedGeneration >= deployment.Generation {
		s.byDeploy[name] = current
	}
	return s.byDeploy[name] == current
}

func (s *observedSpecs) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byDeploy, name)
	delete(s.byDeploy, types.NamespacedName{Namespace: name.Namespace, Name: manifests.PrefillName(name.Name)})
}

func (k *deployKind) warnings(ctx context.Context, pods []corev1.Pod) ([]corev1.Event, error) {
	var warnings []corev1.Event
	for i := range pods {
		events, err := indexed(ctx, k.cache, indexPod(), &corev1.Event{}, &pods[i])
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, events...)
	}
	return warnings, nil
}

// route reads the object that routes the host, if that is ours.
func (k *deployKind) route(ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering, host hostOwnership) (status.Route, error) {
	switch {
	case rendered.outcome.Reason != v1.ReasonRendered:
		return status.Route{}, nil
	case rendered.endpoint == nil:
		return status.Route{Kind: v1.EndpointNone}, nil
	}
	route := status.Route{
		Kind: rendered.endpoint.Kind, Host: rendered.endpoint.Host, Owner: host.owner, Forbidden: host.forbidden,
		Shares: rendered.resolved.Traffic,
	}
	if !host.isOurs() {
		return route, nil
	}
	kind := string(route.Kind)
	if route.Kind == v1.EndpointInferencePool {
		kind = string(v1.EndpointHTTPRoute)
		if err := k.pool(ctx, deploy, rendered, &route); err != nil {
			return route, err
		}
	}
	object, err := k.renderedObject(ctx, deploy, rendered, kind, "")
	if object != nil {
		route.Object = object
	}
	return route, err
}

// pool reads the InferencePool of a route, and the Deployment of its endpoint picker with its pod.
func (k *deployKind) pool(ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering, route *status.Route) error {
	pool, err := k.renderedObject(ctx, deploy, rendered, string(v1.EndpointInferencePool), "")
	if err != nil {
		return err
	}
	route.Pool, _ = pool.(*unstructured.Unstructured)
	picker, err := k.renderedObject(ctx, deploy, rendered, manifests.Deployment().Kind, manifests.PickerName(deploy.Name))
	deployment, ok := picker.(*appsv1.Deployment)
	if !ok || err != nil {
		return err
	}
	route.Picker = &status.Workload{Deployment: deployment}
	if route.Picker.Pods, err = indexed(ctx, k.cache, indexPicker(), &corev1.Pod{}, deploy); err != nil {
		return err
	}
	route.Picker.Warnings, err = k.warnings(ctx, route.Picker.Pods)
	return err
}

// renderedObject reads the first rendered object of a kind, with the name unless that is empty. It is nil if
// there is none, or if it is not in place.
func (k *deployKind) renderedObject(
	ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering, kind, name string,
) (client.Object, error) {
	for _, ref := range rendered.refs() {
		if ref.Kind == kind && (name == "" || ref.Name == name) {
			return k.ownedObject(ctx, deploy, ref.GroupVersionKind, ref.Name)
		}
	}
	return nil, nil //nolint:nilnil // Absence is not an error.
}

// ownedObject reads an object that the deploy controls. It is nil if there is none, or if
// its kind is not installed.
func (k *deployKind) ownedObject(
	ctx context.Context, deploy *v1.NpuDeploy, kind schema.GroupVersionKind, name string,
) (client.Object, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // Absence is not an error.
	}
	object := apply.NewCachedObject(kind)
	err := k.cache.Get(ctx, client.ObjectKey{Namespace: deploy.Namespace, Name: name}, object)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) || isNotCached(err) {
		return nil, nil //nolint:nilnil // Absence is not an error.
	}
	if err != nil {
		return nil, err
	}
	if !metav1.IsControlledBy(object, deploy) {
		return nil, nil //nolint:nilnil // It has another owner.
	}
	return object, nil
}
