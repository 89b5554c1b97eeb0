// Package scheduling reads what the placement of an NpuDeploy's pods depends on, nodes and
// the devices that pods request, from informers.
//
// A program caches pods with StripPod and nodes with StripNode, calls IndexPods before the
// informers start, and then Context. The package caches nothing itself.
package scheduling

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const indexNode = "spec.nodeName"

// IndexPods indexes pods by node.
func IndexPods(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &corev1.Pod{}, indexNode, func(object client.Object) []string {
		pod, ok := object.(*corev1.Pod)
		if !ok || pod.Spec.NodeName == "" {
			return nil
		}
		return []string{pod.Spec.NodeName}
	})
	if err != nil {
		return fmt.Errorf("indexing pods: %w", err)
	}
	return nil
}

// PodsOn lists the cached pods of a node. They are shared: callers must not modify them.
func PodsOn(ctx context.Context, cache client.Reader, node string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := cache.List(ctx, &pods, client.MatchingFields{indexNode: node}, client.UnsafeDisableDeepCopy)
	return pods.Items, err
}

// Free returns the devices of a node that no pod has, of those resources that the node has.
func Free(ctx context.Context, cache client.Reader, node *corev1.Node, resources []string) (map[string]int64, error) {
	free := map[string]int64{}
	for _, resource := range resources {
		if quantity := node.Status.Allocatable[corev1.ResourceName(resource)]; !quantity.IsZero() {
			free[resource] = quantity.Value()
		}
	}
	if len(free) == 0 {
		return free, nil
	}
	pods, err := PodsOn(ctx, cache, node.Name)
	if err != nil {
		return nil, fmt.Errorf("listing the pods of node %s: %w", node.Name, err)
	}
	for i := range pods {
		for resource := range free {
			if !status.HasEnded(&pods[i]) {
				free[resource] -= status.Requested(&pods[i], corev1.ResourceName(resource))
			}
		}
	}
	return free, nil
}

// Context returns the readiness of the nodes that pods of the deploy run on. If one of the
// pods waits for a node, it also counts the devices of the accelerator, which may be nil.
func Context(
	ctx context.Context, cache client.Reader, deploy *v1.NpuDeploy, accelerator *v1.AcceleratorStatus, pods []corev1.Pod,
) (status.SchedulingContext, error) {
	scheduling := status.SchedulingContext{Nodes: map[string]status.Node{}}
	isPending := false
	for i := range pods {
		name := pods[i].Spec.NodeName
		isPending = isPending || name == ""
		if _, done := scheduling.Nodes[name]; done || name == "" {
			continue
		}
		var node corev1.Node
		switch err := cache.Get(ctx, client.ObjectKey{Name: name}, &node); {
		case err == nil:
			scheduling.Nodes[name] = status.ReadinessOf(&node)
		case !apierrors.IsNotFound(err):
			return scheduling, fmt.Errorf("reading node %s: %w", name, err)
		}
	}
	if !isPending || accelerator == nil {
		return scheduling, nil
	}
	var nodes corev1.NodeList
	if err := cache.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return scheduling, fmt.Errorf("reading nodes: %w", err)
	}
	var err error
	scheduling.Devices, err = status.CountDevices(deploy, corev1.ResourceName(accelerator.ResourceName), nodes.Items,
		func(node string) ([]corev1.Pod, error) { return PodsOn(ctx, cache, node) })
	return scheduling, err
}
