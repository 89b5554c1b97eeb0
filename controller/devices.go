package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups="",resources=nodes;pods,verbs=get;list;watch

// cluster looks at the nodes of the pods, and counts devices if a pod waits for some.
func (r *reconciler) cluster(
	ctx context.Context, deploy *v1.NpuDeploy, want *wanted, pods []corev1.Pod,
) (status.Cluster, error) {
	found := status.Cluster{Nodes: map[string]status.Node{}}
	waiting := false
	for i := range pods {
		name := pods[i].Spec.NodeName
		waiting = waiting || name == ""
		if _, known := found.Nodes[name]; known || name == "" {
			continue
		}
		var node corev1.Node
		switch err := r.cache.Get(ctx, types.NamespacedName{Name: name}, &node); {
		case err == nil:
			found.Nodes[name] = readiness(&node)
		case !apierrors.IsNotFound(err):
			return found, err
		}
	}
	accelerator := deploy.Status.Accelerator
	if want.resolved != nil {
		accelerator = want.resolved.Accelerator
	}
	if !waiting || accelerator == nil {
		return found, nil
	}
	var err error
	found.Devices, err = r.devices(ctx, deploy, corev1.ResourceName(accelerator.ResourceName))
	return found, err
}

func readiness(node *corev1.Node) status.Node {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return status.Node{Ready: condition.Status == corev1.ConditionTrue, Since: condition.LastTransitionTime}
		}
	}
	return status.Node{}
}

// devices counts over the nodes that the pods may use. Pods of others are not watched:
// what they hold is missing from the count, and the scheduler's word stands.
func (r *reconciler) devices(ctx context.Context, deploy *v1.NpuDeploy, resource corev1.ResourceName) (status.Devices, error) {
	var nodes corev1.NodeList
	if err := r.cache.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return status.Devices{}, err
	}
	var count status.Devices
	for i := range nodes.Items {
		node := &nodes.Items[i]
		quantity := node.Status.Allocatable[resource]
		allocatable := quantity.Value()
		if allocatable == 0 || !mayUse(deploy, node) {
			continue
		}
		requested, err := r.requestedOn(ctx, node.Name, resource)
		if err != nil {
			return count, err
		}
		count.Nodes++
		count.Allocatable += allocatable
		count.Requested += requested
		count.LargestFree = max(count.LargestFree, allocatable-requested)
	}
	return count, nil
}

// requestedOn is what the running pods of one node hold.
func (r *reconciler) requestedOn(ctx context.Context, node string, resource corev1.ResourceName) (int64, error) {
	var pods corev1.PodList
	if err := r.cache.List(ctx, &pods, client.MatchingFields{indexNode: node}, client.UnsafeDisableDeepCopy); err != nil {
		return 0, err
	}
	var sum int64
	for i := range pods.Items {
		if phase := pods.Items[i].Status.Phase; phase == corev1.PodSucceeded || phase == corev1.PodFailed {
			continue
		}
		for _, container := range pods.Items[i].Spec.Containers {
			quantity := container.Resources.Limits[resource]
			sum += quantity.Value()
		}
	}
	return sum, nil
}

func mayUse(deploy *v1.NpuDeploy, node *corev1.Node) bool {
	if node.Spec.Unschedulable || !readiness(node).Ready {
		return false
	}
	if deploy.Spec.InferenceServer == nil {
		return true
	}
	for label, value := range deploy.Spec.InferenceServer.NodeSelector {
		if node.Labels[label] != string(value) {
			return false
		}
	}
	return true
}
