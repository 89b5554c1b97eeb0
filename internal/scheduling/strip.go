package scheduling

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// StripPod is an informer's transform. It keeps a pod's node, phase and device requests.
func StripPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil // a tombstone
	}
	return stripPod(pod, corev1.PodStatus{Phase: pod.Status.Phase}), nil
}

// StripPodSpec is StripPod that keeps the status and the images.
func StripPodSpec(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil // a tombstone
	}
	stripped := stripPod(pod, pod.Status)
	for i := range stripped.Spec.Containers {
		stripped.Spec.Containers[i].Image = pod.Spec.Containers[i].Image
	}
	return stripped, nil
}

func stripPod(pod *corev1.Pod, status corev1.PodStatus) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: stripMeta(pod.ObjectMeta),
		Spec: corev1.PodSpec{
			NodeName:       pod.Spec.NodeName,
			InitContainers: stripContainers(pod.Spec.InitContainers),
			Containers:     stripContainers(pod.Spec.Containers),
		},
		Status: status,
	}
}

// stripContainers keeps the fields that status.Requested reads, and the names.
func stripContainers(containers []corev1.Container) []corev1.Container {
	stripped := make([]corev1.Container, len(containers))
	for i, container := range containers {
		stripped[i] = corev1.Container{
			Name: container.Name, RestartPolicy: container.RestartPolicy,
			Resources: corev1.ResourceRequirements{Requests: container.Resources.Requests},
		}
	}
	return stripped
}

// StripNode is an informer's transform. It keeps a node's resources and readiness, without
// the time of the last heartbeat.
func StripNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil // a tombstone
	}
	stripped := &corev1.Node{
		ObjectMeta: stripMeta(node.ObjectMeta),
		Spec:       corev1.NodeSpec{Unschedulable: node.Spec.Unschedulable},
		Status:     corev1.NodeStatus{Capacity: node.Status.Capacity, Allocatable: node.Status.Allocatable},
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			stripped.Status.Conditions = []corev1.NodeCondition{{
				Type: condition.Type, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime,
			}}
		}
	}
	return stripped, nil
}

func stripMeta(meta metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: meta.Name, Namespace: meta.Namespace, UID: meta.UID, ResourceVersion: meta.ResourceVersion,
		Labels: meta.Labels, CreationTimestamp: meta.CreationTimestamp, DeletionTimestamp: meta.DeletionTimestamp,
		DeletionGracePeriodSeconds: meta.DeletionGracePeriodSeconds,
	}
}
