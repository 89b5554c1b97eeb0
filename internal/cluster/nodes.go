package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// The KWOK stages: the transitions that KWOK takes nodes, pods and routes through.
var (
	//go:embed stages/nodes.yaml
	nodeStages []byte
	//go:embed stages/gateway.yaml
	gatewayStages []byte
	//go:embed stages/pools.yaml
	poolStages []byte
)

// The paths of the Gateway API and of its Inference Extension. They are served if the CRDs of HTTPRoute and
// InferencePool are installed.
const (
	gatewayAPI   = "/apis/gateway.networking.k8s.io/v1"
	inferenceAPI = "/apis/inference.networking.k8s.io/v1"
)

// KWOK simulates only nodes with this annotation.
const (
	nodeAnnotation      = "kwok.x-k8s.io/node"
	nodeAnnotationValue = "fake"
)

// Node is a simulated node. It has 64 cores, 512 GiB of memory and room for 110 pods.
type Node struct {
	Name    string
	Labels  map[string]string
	Devices map[corev1.ResourceName]string // counts by resource: "rebellions.ai/ATOM": "8"
}

// prepareKWOK writes KWOK's configuration, which may contain only kinds that the API server
// serves. It deletes the leases of an earlier KWOK, which would delay the new one.
func (c *Cluster) prepareKWOK(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return err
	}
	stages := [][]byte{nodeStages}
	for _, routes := range []struct {
		api    string
		stages []byte
	}{{gatewayAPI, gatewayStages}, {inferenceAPI, poolStages}} {
		switch err := client.RESTClient().Get().AbsPath(routes.api).Do(ctx).Error(); {
		case err == nil:
			stages = append(stages, routes.stages)
		case !apierrors.IsNotFound(err):
			return err
		}
	}
	if err := os.WriteFile(stagesPath(c.dir), bytes.Join(stages, []byte("---\n")), 0o600); err != nil {
		return diskFull(err)
	}
	leases := client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	return leases.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

// AddNodes creates simulated nodes and returns when they are ready. It requires KWOK and
// leaves existing nodes unchanged.
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
	return c.poll(ctx, func(ctx context.Context) (bool, error) {
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		return err == nil && isSchedulable(node), err
	})
}

// isSchedulable reports whether the node is ready and has lost the taints of a new or
// unreachable node.
func isSchedulable(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue && len(node.Spec.Taints) == 0
		}
	}
	return false
}

// object returns the Node object that a kubelet would register.
func (n Node) object() (*corev1.Node, error) {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("512Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	for device, count := range n.Devices {
		quantity, err := resource.ParseQuantity(count)
		if err != nil {
			return nil, fmt.Errorf("%s of node %s: %w", device, n.Name, err)
		}
		capacity[device] = quantity
	}
	labels := map[string]string{
		corev1.LabelHostname:   n.Name,
		corev1.LabelOSStable:   "linux",
		corev1.LabelArchStable: "amd64",
	}
	maps.Copy(labels, n.Labels)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: n.Name, Labels: labels,
			Annotations: map[string]string{nodeAnnotation: nodeAnnotationValue},
		},
		Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	}, nil
}
