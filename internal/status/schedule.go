package status

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// nodeLost diagnoses a pod whose node was deleted or does not report.
func nodeLost(observed Observed, pod corev1.Pod) diagnosis {
	name := pod.Spec.NodeName
	if name == "" || observed.Scheduling.Nodes == nil {
		return diagnosis{}
	}
	node, exists := observed.Scheduling.Nodes[name]
	switch {
	case !exists:
		return diagnosis{v1.ReasonNodeLost, "node " + name + " was deleted"}
	case !node.Ready:
		return diagnosis{v1.ReasonNodeLost, fmt.Sprintf("node %s has not been ready since %s", name, timestamp(node.Since))}
	}
	return diagnosis{}
}

// noFreeDevice requires that the scheduler reports a shortage of devices, and that no node
// has enough by our counts: the scheduler reports nodes without any in the same words. If it
// reports a shortage on every node, the counts are wrong: pods that are not watched use
// devices.
func noFreeDevice(observed Observed, pod corev1.Pod) diagnosis {
	accelerator, devices := observed.accelerator(), observed.Scheduling.Devices
	scheduled := podCondition(pod, corev1.PodScheduled)
	if accelerator == nil || scheduled.Status != corev1.ConditionFalse {
		return diagnosis{}
	}
	shortage := "Insufficient " + accelerator.ResourceName
	count := cmp.Or(Limit(observed.Workload.podSpec(pod), corev1.ResourceName(accelerator.ResourceName)), int64(accelerator.Count))
	requested := fmt.Sprintf("%d %s requested", count, accelerator.ResourceName)
	isFree := devices.LargestFree >= count
	switch {
	case !strings.Contains(scheduled.Message, shortage), isFree && !onEveryNode(scheduled.Message, shortage):
		return diagnosis{}
	case isFree:
		return diagnosis{v1.ReasonNoFreeDevice, fmt.Sprintf("%s, %d allocatable, used by other pods: %s",
			requested, devices.Allocatable, schedulerMessage(scheduled.Message))}
	case devices.Nodes == 0:
		return diagnosis{v1.ReasonNoFreeDevice, requested + ", no node has any"}
	}
	return diagnosis{v1.ReasonNoFreeDevice, fmt.Sprintf("%s, %d allocatable, %d in use, %d free on the best of %s",
		requested, devices.Allocatable, devices.Requested, devices.LargestFree, plural(devices.Nodes, "node"))}
}

// onEveryNode parses "0/5 nodes are available: 5 Insufficient ...".
func onEveryNode(message, shortage string) bool {
	var nodes int
	_, err := fmt.Sscanf(message, "0/%d nodes are available:", &nodes)
	return err == nil && strings.Contains(message, fmt.Sprintf(": %d %s", nodes, shortage))
}

// accelerator returns the accelerator of this generation, or of the previous one while this one does
// not render.
func (o Observed) accelerator() *v1.AcceleratorStatus {
	if o.Resolved != nil {
		return o.Resolved.Accelerator
	}
	return o.Deploy.Status.Accelerator
}

func unschedulable(_ Observed, pod corev1.Pod) diagnosis {
	scheduled := podCondition(pod, corev1.PodScheduled)
	if pod.Spec.NodeName != "" || scheduled.Status != corev1.ConditionFalse {
		return diagnosis{}
	}
	return diagnosis{v1.ReasonUnschedulable, schedulerMessage(scheduled.Message)}
}

// schedulerMessage omits the part about preemption, which repeats every node.
func schedulerMessage(message string) string {
	for _, tail := range []string{" preemption:", " no new claims to deallocate"} {
		message, _, _ = strings.Cut(message, tail)
	}
	return strings.TrimRight(message, ". ,")
}
