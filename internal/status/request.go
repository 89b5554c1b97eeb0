package status

import corev1 "k8s.io/api/core/v1"

// Requested is what a pod takes of a resource, as the scheduler counts: its containers with
// the init containers that go on beside them, or an init container with those before it
// that go on, if that is more.
func Requested(pod *corev1.Pod, resource corev1.ResourceName) int64 {
	var running, most int64
	for i := range pod.Spec.InitContainers {
		container := &pod.Spec.InitContainers[i]
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			running += of(container, resource)
			continue
		}
		most = max(most, running+of(container, resource))
	}
	for i := range pod.Spec.Containers {
		running += of(&pod.Spec.Containers[i], resource)
	}
	return max(most, running)
}

// HasEnded says that a pod holds nothing any more, though the API server still lists it.
func HasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// of is a container's request. Kubernetes holds it equal to the limit.
func of(container *corev1.Container, resource corev1.ResourceName) int64 {
	quantity := container.Resources.Requests[resource]
	return quantity.Value()
}
