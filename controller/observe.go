package controller

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// observe collects what a judgement rests on. All of it comes from informers.
func (r *reconciler) observe(
	ctx context.Context, deploy *v1.NpuDeploy, want *wanted, done applied, host holding,
) (status.Observed, error) {
	observed := status.Observed{
		Deploy: deploy, Resolved: want.resolved,
		Stages: status.Stages{
			Render: want.rendered, Apply: done.outcome,
			Templates: want.templates, Inventory: done.inventory, Now: r.clock.Now(),
		},
	}
	if done.inventory == nil {
		observed.Inventory = deploy.Status.Inventory
	}
	var err error
	if observed.Workload, err = r.workload(ctx, deploy, want); err != nil {
		return observed, err
	}
	accelerator := deploy.Status.Accelerator
	if want.resolved != nil {
		accelerator = want.resolved.Accelerator
	}
	if observed.Scheduling, err = scheduling.Context(ctx, r.cache, deploy, accelerator, observed.Workload.Pods); err != nil {
		return observed, err
	}
	observed.Route, err = r.route(ctx, deploy, want, host)
	return observed, err
}

// workload reads the deployment and its pods, those of the generation before while
// this one does not render.
func (r *reconciler) workload(ctx context.Context, deploy *v1.NpuDeploy, want *wanted) (status.Workload, error) {
	var workload status.Workload
	name := want.name("Deployment")
	for _, entry := range deploy.Status.Inventory {
		if name == "" && entry.Kind == "Deployment" {
			name = entry.Name
		}
	}
	object, err := r.child(ctx, deploy, deploymentKind(), name)
	if err != nil || object == nil {
		return workload, err
	}
	workload.Deployment = object.(*appsv1.Deployment)
	of := []client.ListOption{
		client.InNamespace(deploy.Namespace), client.MatchingFields{indexDeploy: deploy.Name}, client.UnsafeDisableDeepCopy,
	}
	sets := newReplicaSets()
	if err := r.cache.List(ctx, sets, of...); err != nil {
		return workload, err
	}
	var pods corev1.PodList
	if err := r.cache.List(ctx, &pods, of...); err != nil {
		return workload, err
	}
	workload.ReplicaSets, workload.Pods = sets.Items, pods.Items
	workload.Warnings, err = r.warnings(ctx, pods.Items)
	return workload, err
}

func (r *reconciler) warnings(ctx context.Context, pods []corev1.Pod) ([]corev1.Event, error) {
	var all []corev1.Event
	for i := range pods {
		var events corev1.EventList
		if err := r.cache.List(ctx, &events, client.InNamespace(pods[i].Namespace),
			client.MatchingFields{indexPod: pods[i].Name}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		all = append(all, events.Items...)
	}
	return all, nil
}

// route reads the object that routes, if its kind is in use.
func (r *reconciler) route(ctx context.Context, deploy *v1.NpuDeploy, want *wanted, host holding) (status.Route, error) {
	switch {
	case want.rendered.Reason != v1.ReasonRendered:
		return status.Route{}, nil
	case want.endpoint == nil:
		return status.Route{Kind: v1.EndpointNone}, nil
	}
	route := status.Route{Kind: want.endpoint.Kind, Host: want.endpoint.Host, Owner: host.owner, Refused: host.refused}
	for _, kind := range apply.Kinds() {
		if host.isOurs() && kind.Kind == string(route.Kind) {
			object, err := r.child(ctx, deploy, kind, want.name(kind.Kind))
			if object != nil {
				route.Object = object
			}
			return route, err
		}
	}
	return route, nil
}

// child reads one of our children, nil if there is none or its kind is not installed.
func (r *reconciler) child(
	ctx context.Context, deploy *v1.NpuDeploy, kind schema.GroupVersionKind, name string,
) (client.Object, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // Absence is an answer.
	}
	object := apply.NewChild(kind)
	err := r.cache.Get(ctx, client.ObjectKey{Namespace: deploy.Namespace, Name: name}, object)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) || isNotCached(err) {
		return nil, nil //nolint:nilnil // Absence is an answer.
	}
	if err != nil {
		return nil, err
	}
	if !metav1.IsControlledBy(object, deploy) {
		return nil, nil //nolint:nilnil // It is somebody else's.
	}
	return object, nil
}
