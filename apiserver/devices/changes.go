package devices

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
)

// note marks the Inventory as old if the change of one object has a part in it.
func (b *Store) note(before, after client.Object) {
	if !matters(before, after) {
		return
	}
	b.mu.Lock()
	b.stale = true
	b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default: // one is enough
	}
}

// matters spares a recount for each heartbeat of a node and each container that starts.
func matters(before, after client.Object) bool {
	if pod, ok := either(before, after).(*corev1.Pod); ok && !extended(pod) {
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
		return !ok || moved(before, after)
	case *corev1.Node:
		before, ok := before.(*corev1.Node)
		return !ok || offersOther(before, after)
	}
	return before.GetGeneration() != after.GetGeneration()
}

func moved(before, after *corev1.Pod) bool {
	return before.Spec.NodeName != after.Spec.NodeName || status.HasEnded(before) != status.HasEnded(after) || !maps.Equal(before.Labels, after.Labels)
}

func offersOther(before, after *corev1.Node) bool {
	return before.Spec.Unschedulable != after.Spec.Unschedulable || ready(before) != ready(after) ||
		!equality.Semantic.DeepEqual(before.Status.Capacity, after.Status.Capacity) ||
		!equality.Semantic.DeepEqual(before.Status.Allocatable, after.Status.Allocatable)
}

func either(before, after client.Object) client.Object {
	if after == nil {
		return before
	}
	return after
}

// extended says whether a pod asks for devices of any kind: their names alone have a slash.
func extended(pod *corev1.Pod) bool {
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
