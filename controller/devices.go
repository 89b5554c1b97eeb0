package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
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
			found.Nodes[name] = status.ReadinessOf(&node)
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

// devices counts what pods may use. Pods of others are not watched: what they hold is
// missing from the count, and the scheduler's word stands.
func (r *reconciler) devices(ctx context.Context, deploy *v1.NpuDeploy, resource corev1.ResourceName) (status.Devices, error) {
	var nodes corev1.NodeList
	if err := r.cache.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return status.Devices{}, err
	}
	return status.CountDevices(deploy, resource, nodes.Items, func(node string) ([]corev1.Pod, error) {
		var pods corev1.PodList
		err := r.cache.List(ctx, &pods, client.MatchingFields{indexNode: node}, client.UnsafeDisableDeepCopy)
		return pods.Items, err
	})
}
