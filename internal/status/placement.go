package status

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// PartialGroup is a group of a LeaderWorkerSet with some pods on nodes, where they hold devices, and
// others that have no node or were not created.
type PartialGroup struct {
	Number int
	// Placed are the pods with a node, by name.
	Placed []corev1.Pod
	// Held and Needed count the devices of the placed, and of all pods.
	Held, Needed int32
	// Since is when the group became partial.
	Since time.Time
}

// PartialGroups returns the groups that hold devices without being complete, by number. A group of which
// a pod is being deleted, or has ended, is not one of them: its controller is about to replace the pod.
func (o Observed) PartialGroups() []PartialGroup {
	set, accelerator := o.Workload.Groups, o.accelerator()
	if set == nil || accelerator == nil {
		return nil
	}
	var partial []PartialGroup
	for _, group := range (revision{pods: o.Workload.Pods}).groups() {
		changes := slices.ContainsFunc(group.pods, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil || HasEnded(&pod) })
		if changes || group.number < 0 {
			continue
		}
		of := newPartialGroup(group, accelerator.Count)
		of.Needed = int32(set.size()) * accelerator.Count //nolint:gosec // At most 32 pods.
		if len(group.pods) < set.size() {                 // Nothing has the time since which a pod is missing.
			if available := meta.FindStatusCondition(o.Deploy.Status.Conditions, v1.ConditionAvailable); available != nil {
				of.Since = latest(of.Since, available.LastTransitionTime)
			}
		}
		if len(of.Placed) > 0 && len(of.Placed) < set.size() {
			partial = append(partial, of)
		}
	}
	return partial
}

// newPartialGroup counts the placed pods of a group, each with so many devices.
func newPartialGroup(group group, devices int32) PartialGroup {
	of := PartialGroup{Number: group.number}
	for _, pod := range group.pods {
		since := pod.CreationTimestamp
		if pod.Spec.NodeName != "" {
			of.Placed, of.Held = append(of.Placed, pod), of.Held+devices
			since = podCondition(pod, corev1.PodScheduled).LastTransitionTime
		}
		of.Since = latest(of.Since, since)
	}
	return of
}

func latest(a time.Time, b metav1.Time) time.Time {
	if b.After(a) {
		return b.Time
	}
	return a
}

// Release returns when the devices of the group are released, and false if never.
func (o Observed) Release(group PartialGroup) (time.Time, bool) {
	if o.Resolved == nil || o.Resolved.PlacementSeconds == 0 {
		return time.Time{}, false
	}
	return group.Since.Add(time.Duration(o.Resolved.PlacementSeconds) * time.Second), true
}

// Describe returns what the group holds: group 1 holds 4 of its 8 nvidia.com/gpu.
func (o Observed) Describe(group PartialGroup) string {
	return fmt.Sprintf("group %d holds %d of its %d %s", group.Number, group.Held, group.Needed, o.accelerator().ResourceName)
}

// describePartial is the end of a message: what the first partial group holds, and until when.
func describePartial(observed Observed) string {
	groups := observed.PartialGroups()
	if len(groups) == 0 {
		return ""
	}
	text := "; " + observed.Describe(groups[0])
	if at, isLimited := observed.Release(groups[0]); isLimited {
		text += ", which are released at " + timestamp(metav1.NewTime(at)) + " unless all of its pods have a node"
	}
	return text
}
