package status

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// CountDevices counts a resource over the nodes that pods of the deploy may use. podsOn
// returns the pods of a node.
func CountDevices(
	deploy *v1.NpuDeploy, resource corev1.ResourceName, nodes []corev1.Node, podsOn func(node string) ([]corev1.Pod, error),
) (Devices, error) {
	var devices Devices
	for i := range nodes {
		node := &nodes[i]
		quantity := node.Status.Allocatable[resource]
		allocatable := quantity.Value()
		if allocatable == 0 || !isEligible(deploy, node) {
			continue
		}
		pods, err := podsOn(node.Name)
		if err != nil {
			return devices, err
		}
		var requested int64
		for i := range pods {
			if !HasEnded(&pods[i]) {
				requested += Requested(&pods[i], resource)
			}
		}
		devices.Nodes++
		devices.Allocatable += allocatable
		devices.Requested += requested
		devices.LargestFree = max(devices.LargestFree, allocatable-requested)
	}
	return devices, nil
}

// Requested is a pod's request for a resource as the scheduler computes it: the sum over
// its containers and sidecars, or over an init container and the sidecars before it, if
// that is more.
func Requested(pod *corev1.Pod, resource corev1.ResourceName) int64 {
	request := func(container *corev1.Container) int64 {
		quantity := container.Resources.Requests[resource]
		return quantity.Value()
	}
	var running, most int64
	for i := range pod.Spec.InitContainers {
		container := &pod.Spec.InitContainers[i]
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			running += request(container)
			continue
		}
		most = max(most, running+request(container))
	}
	for i := range pod.Spec.Containers {
		running += request(&pod.Spec.Containers[i])
	}
	return max(most, running)
}

// Limit is the sum of the limits of a resource in a template, whose requests Kubernetes sets in pods only.
func Limit(template corev1.PodSpec, resource corev1.ResourceName) int64 {
	var sum int64
	for i := range template.Containers {
		quantity := template.Containers[i].Resources.Limits[resource]
		sum += quantity.Value()
	}
	return sum
}

// HasEnded reports whether a pod has released its devices although it still exists.
func HasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
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

// isEligible reports whether pods of the deploy could be scheduled to the node.
func isEligible(deploy *v1.NpuDeploy, node *corev1.Node) bool {
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
