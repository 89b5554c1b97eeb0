package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// KWOK simulates the nodes that carry this annotation, and no others.
const (
	nodeAnnotation      = "kwok.x-k8s.io/node"
	nodeAnnotationValue = "fake"
)

// Node is a simulated node: what it has beside cores, memory and room for pods.
type Node struct {
	Name    string
	Labels  map[string]string
	Devices map[corev1.ResourceName]string // by resource, how many: "rebellions.ai/ATOM": "8"
}

// AddNodes creates simulated nodes and returns when they are ready, which takes KWOK.
// A node that exists already stays as it is.
func (c *Cluster) AddNodes(ctx context.Context, nodes ...Node) error {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		node, err := n.object()
		if err != nil {
			return err
		}
		_, err = client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating node %s: %w", n.Name, err)
		}
	}
	for _, n := range nodes {
		if err := c.awaitNode(ctx, client, n.Name); err != nil {
			return fmt.Errorf("waiting for node %s: %w", n.Name, err)
		}
	}
	return nil
}

func (c *Cluster) awaitNode(ctx context.Context, client kubernetes.Interface, name string) error {
	return c.until(ctx, func(ctx context.Context) (bool, error) {
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		return err == nil && usable(node), err
	})
}

// usable tells whether the scheduler would place a pod on the node: ready, and no
// longer tainted as the new or unreachable node it was.
func usable(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue && len(node.Spec.Taints) == 0
		}
	}
	return false
}

// object returns the node as its kubelet would register it.
func (n Node) object() (*corev1.Node, error) {
	has := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("512Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	for device, count := range n.Devices {
		quantity, err := resource.ParseQuantity(count)
		if err != nil {
			return nil, fmt.Errorf("%s of node %s: %w", device, n.Name, err)
		}
		has[device] = quantity
	}
	labels := map[string]string{
		corev1.LabelHostname:   n.Name,
		corev1.LabelOSStable:   "linux",
		corev1.LabelArchStable: "amd64",
	}
	for key, value := range n.Labels {
		labels[key] = value
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: n.Name, Labels: labels,
			Annotations: map[string]string{nodeAnnotation: nodeAnnotationValue},
		},
		Status: corev1.NodeStatus{Capacity: has, Allocatable: has},
	}, nil
}
