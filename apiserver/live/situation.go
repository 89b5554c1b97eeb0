package live

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// indexNode finds the pods of a node.
const indexNode = "spec.nodeName"

func indexPods(ctx context.Context, filled cache.Cache) error {
	err := filled.IndexField(ctx, &corev1.Pod{}, indexNode, func(object client.Object) []string {
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

// Situation is what decides whether pods of the deploy find a node and keep it. It tells
// no more than the deploy's own conditions do.
func (c *Cache) Situation(ctx context.Context, deploy *v1.NpuDeploy) (status.Cluster, error) {
	found := status.Cluster{Nodes: map[string]status.Node{}}
	var nodes corev1.NodeList
	if err := c.cache.List(ctx, &nodes); err != nil {
		return found, fmt.Errorf("reading nodes: %w", err)
	}
	for i := range nodes.Items {
		found.Nodes[nodes.Items[i].Name] = status.ReadinessOf(&nodes.Items[i])
	}
	if deploy.Status.Accelerator == nil {
		return found, nil
	}
	resource := corev1.ResourceName(deploy.Status.Accelerator.ResourceName)
	var err error
	found.Devices, err = status.CountDevices(deploy, resource, nodes.Items, func(node string) ([]corev1.Pod, error) {
		var pods corev1.PodList
		err := c.cache.List(ctx, &pods, client.MatchingFields{indexNode: node})
		return pods.Items, err
	})
	return found, err
}
