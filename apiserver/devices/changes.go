package devices

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
)

// markChanged marks the Inventory as stale if the change of the object affects it.
func (s *Store) markChanged(before, after client.Object) {
	if !affectsInventory(before, after) {
		return
	}
	s.mu.Lock()
	s.stale = true
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // a change is pending already
	}
}

// affectsInventory ignores heartbeats of nodes and the starts of containers.
func affectsInventory(before, after client.Object) bool {
	if pod, ok := latest(before, after).(*corev1.Pod); ok && !requestsDevices(pod) {
		return false
	}
	if before == nil || after == nil {
		return true
	}
	if before.GetUID() != after.GetUID() {
		return true
	}
	switch after := after.(type) {
	case *corev1.Pod:
		before, ok := before.(*corev1.Pod)
		return !ok || placementChanged(before, after)
	case *corev1.Node:
		before, ok := before.(*corev1.Node)
		return !ok || capacityChanged(before, after)
	}
	return before.GetGeneration() != after.GetGeneration()
}

func placementChanged(before, after *corev1.Pod) bool {
	return before.Spec.NodeName != after.Spec.NodeName || status.HasEnded(before) != status.HasEnded(after) || !maps.Equal(before.Labels, after.Labels)
}

func capacityChanged(before, after *corev1.Node) bool {
	return before.Spec.Unschedulable != after.Spec.Unschedulable || status.ReadinessOf(before).Ready != status.ReadinessOf(after).Ready ||
		!equality.Semantic.DeepEqual(before.Status.Capacity, after.Status.Capacity) ||
		!equality.Semantic.DeepEqual(before.Status.Allocatable, after.Status.Allocatable)
}

func latest(before, after client.Object) client.Object {
	if after == nil {
		return before
	}
	return after
}

// requestsDevices reports whether the pod requests extended resources, whose names have a slash.
func requestsDevices(pod *corev1.Pod) bool {
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for name := range containers[i].Resources.Requests {
				if strings.Contains(string(name), "/") {
					return true
				}
			}
		}
	}
	return false
}
