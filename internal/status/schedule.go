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
// node has enough: a node that lacks the resource altogether says the same. Counts that
// know of free devices are wrong if every node says so: pods of others hold them.
func noFreeDevice(observed Observed, pod corev1.Pod) finding {
	accelerator, devices := observed.accelerator(), observed.Cluster.Devices
	scheduled := podCondition(pod, corev1.PodScheduled)
	if accelerator == nil || scheduled.Status != corev1.ConditionFalse {
		return finding{}
	}
	shortage := "Insufficient " + accelerator.ResourceName
	asked := fmt.Sprintf("%d %s requested", accelerator.Count, accelerator.ResourceName)
	isFree := devices.LargestFree >= int64(accelerator.Count)
	switch {
	case !strings.Contains(scheduled.Message, shortage), isFree && !onEveryNode(scheduled.Message, shortage):
		return finding{}
	case isFree:
		return finding{v1.ReasonNoFreeDevice, fmt.Sprintf("%s, %d allocatable, held by other pods: %s",
			asked, devices.Allocatable, schedulerMessage(scheduled.Message))}
	case devices.Nodes == 0:
		return finding{v1.ReasonNoFreeDevice, asked + ", no node has any"}
	}
	return finding{v1.ReasonNoFreeDevice, fmt.Sprintf("%s, %d allocatable, %d in use, %d free on the best of %s",
		asked, devices.Allocatable, devices.Requested, devices.LargestFree, plural(devices.Nodes, "node"))}
}

// onEveryNode reads "0/5 nodes are available: 5 Insufficient ...".
func onEveryNode(message, shortage string) bool {
	var nodes int
	_, err := fmt.Sscanf(message, "0/%d nodes are available:", &nodes)
	return err == nil && strings.Contains(message, fmt.Sprintf(": %d %s", nodes, shortage))
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
