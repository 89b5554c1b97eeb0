package status

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// nodeLost is for a pod whose node is gone or has stopped reporting.
func nodeLost(observed Observed, pod corev1.Pod) finding {
	name := pod.Spec.NodeName
	if name == "" || observed.Cluster.Nodes == nil {
		return finding{}
	}
	node, known := observed.Cluster.Nodes[name]
	switch {
	case !known:
		return finding{v1.ReasonNodeLost, "node " + name + " is gone"}
	case !node.Ready:
		return finding{v1.ReasonNodeLost, fmt.Sprintf("node %s is not ready since %s", name, moment(node.Since))}
	}
	return finding{}
}

// noFreeDevice believes the scheduler that devices are short, and the counts that no
// node has enough: a node that lacks the resource altogether says the same.
func noFreeDevice(observed Observed, pod corev1.Pod) finding {
	accelerator, devices := observed.accelerator(), observed.Cluster.Devices
	scheduled := podCondition(pod, corev1.PodScheduled)
	if accelerator == nil || scheduled.Status != corev1.ConditionFalse ||
		!strings.Contains(scheduled.Message, "Insufficient "+accelerator.ResourceName) ||
		devices.LargestFree >= int64(accelerator.Count) {
		return finding{}
	}
	asked := fmt.Sprintf("%d %s requested", accelerator.Count, accelerator.ResourceName)
	if devices.Nodes == 0 {
		return finding{v1.ReasonNoFreeDevice, asked + ", no node has any"}
	}
	return finding{v1.ReasonNoFreeDevice, fmt.Sprintf("%s, %d allocatable, %d in use, %d free on the best of %s",
		asked, devices.Allocatable, devices.Requested, devices.LargestFree, plural(devices.Nodes, "node"))}
}

// accelerator is the one in use: of this generation, or of the one before while this
// one does not render.
func (o Observed) accelerator() *v1.AcceleratorStatus {
	if o.Resolved != nil {
		return o.Resolved.Accelerator
	}
	return o.Deploy.Status.Accelerator
}

func unschedulable(_ Observed, pod corev1.Pod) finding {
	scheduled := podCondition(pod, corev1.PodScheduled)
	if pod.Spec.NodeName != "" || scheduled.Status != corev1.ConditionFalse {
		return finding{}
	}
	return finding{v1.ReasonUnschedulable, schedulerMessage(scheduled.Message)}
}

// schedulerMessage leaves out what the scheduler says about preemption: it repeats
// every node.
func schedulerMessage(message string) string {
	for _, tail := range []string{" preemption:", " no new claims to deallocate"} {
		message, _, _ = strings.Cut(message, tail)
	}
	return strings.TrimRight(message, ". ,")
}
