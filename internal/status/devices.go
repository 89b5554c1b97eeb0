package status

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// CountDevices counts a resource over the nodes that the pods of the deploy may use.
// podsOn returns the pods of a node.
func CountDevices(
	deploy *v1.NpuDeploy, resource corev1.ResourceName, nodes []corev1.Node, podsOn func(node string) ([]corev1.Pod, error),
) (Devices, error) {
	var count Devices
	for i := range nodes {
		node := &nodes[i]
		quantity := node.Status.Allocatable[resource]
		allocatable := quantity.Value()
		if allocatable == 0 || !mayUse(deploy, node) {
			continue
		}
		pods, err := podsOn(node.Name)
		if err != nil {
			return count, err
		}
		requested := held(pods, resource)
		count.Nodes++
		count.Allocatable += allocatable
		count.Requested += requested
		count.LargestFree = max(count.LargestFree, allocatable-requested)
	}
	return count, nil
}

// held is what the pods that have not ended hold.
func held(pods []corev1.Pod, resource corev1.ResourceName) int64 {
	var sum int64
	for i := range pods {
		if !HasEnded(&pods[i]) {
			sum += Requested(&pods[i], resource)
		}
	}
	return sum
}

// ReadinessOf reads a node's condition Ready.
func ReadinessOf(node *corev1.Node) Node {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return Node{Ready: condition.Status == corev1.ConditionTrue, Since: condition.LastTransitionTime}
		}
	}
	return Node{}
}

func mayUse(deploy *v1.NpuDeploy, node *corev1.Node) bool {
	if node.Spec.Unschedulable || !ReadinessOf(node).Ready {
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
