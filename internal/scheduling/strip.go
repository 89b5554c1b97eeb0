package scheduling

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/cached"
	"github.com/dudaji/nufi/internal/status"
)

// StripPod is an informer's transform. It keeps a pod's node, phase and device requests.
func StripPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil // a tombstone
	}
	return stripPod(pod, corev1.PodStatus{Phase: cached.Text(pod.Status.Phase)}, false), nil
}

// StripPodSpec is StripPod that keeps the images, and of the status what internal/status reads.
func StripPodSpec(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil // a tombstone
	}
	return stripPod(pod, stripStatus(&pod.Status), true), nil
}

func stripPod(pod *corev1.Pod, stripped corev1.PodStatus, withImages bool) *corev1.Pod {
	meta := stripMeta(pod.ObjectMeta)
	meta.Labels = cached.Only(pod.Labels, status.PodLabels()...)
	return &corev1.Pod{
		ObjectMeta: meta,
		Spec: corev1.PodSpec{
			NodeName:       pod.Spec.NodeName,
			InitContainers: stripContainers(pod.Spec.InitContainers, withImages),
			Containers:     stripContainers(pod.Spec.Containers, withImages),
		},
		Status: stripped,
	}
}

// stripContainers keeps the fields that status.Requested reads, and the names. Equal containers are shared: their
// requests alone take 800 bytes.
func stripContainers(containers []corev1.Container, withImages bool) []corev1.Container {
	if len(containers) == 0 {
		return nil
	}
	stripped := make([]corev1.Container, len(containers))
	for i, container := range containers {
		stripped[i] = corev1.Container{
			Name: container.Name, RestartPolicy: container.RestartPolicy,
			Resources: corev1.ResourceRequirements{Requests: container.Resources.Requests},
		}
		if withImages {
			stripped[i].Image = container.Image
		}
	}
	return cached.Containers(stripped)
}

func stripStatus(full *corev1.PodStatus) corev1.PodStatus {
	stripped := corev1.PodStatus{
		Phase: cached.Text(full.Phase), Reason: cached.Text(full.Reason), Message: full.Message,
		InitContainerStatuses: stripStatuses(full.InitContainerStatuses),
		ContainerStatuses:     stripStatuses(full.ContainerStatuses),
	}
	kept := []corev1.PodConditionType{corev1.PodScheduled, corev1.PodReady}
	for _, condition := range full.Conditions {
		if i := slices.Index(kept, condition.Type); i >= 0 {
			stripped.Conditions = append(stripped.Conditions, corev1.PodCondition{
				Type: kept[i], Status: cached.Text(condition.Status), Reason: cached.Text(condition.Reason), Message: condition.Message,
				LastTransitionTime: condition.LastTransitionTime,
			})
		}
	}
	return stripped
}

func stripStatuses(containers []corev1.ContainerStatus) []corev1.ContainerStatus {
	if len(containers) == 0 {
		return nil
	}
	stripped := make([]corev1.ContainerStatus, len(containers))
	for i, container := range containers {
		stripped[i] = corev1.ContainerStatus{
			Name: cached.Text(container.Name), Image: cached.Text(container.Image), Ready: container.Ready, Started: container.Started,
			RestartCount: container.RestartCount, State: container.State,
		}
		if !container.Ready { // The end of a log, of up to 4 KB, explains why.
			stripped[i].LastTerminationState = container.LastTerminationState
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
		Name: meta.Name, Namespace: cached.Text(meta.Namespace), UID: meta.UID, ResourceVersion: meta.ResourceVersion,
		Labels: meta.Labels, CreationTimestamp: meta.CreationTimestamp, DeletionTimestamp: meta.DeletionTimestamp,
		DeletionGracePeriodSeconds: meta.DeletionGracePeriodSeconds,
	}
}
