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

// PartialGroup is a group of pods that serve together, with some of them on nodes, where they hold devices, and others
// that have no node or were not created.
type PartialGroup struct {
	// Name is the one in messages: group 1, or RayCluster web-x7k2p.
	Name string
	// Pods have devices, or wait for them, in the same order at each call.
	Pods []corev1.Pod
	// Held and Needed count the devices of the pods with a node, and of all pods.
	Held, Needed int32
	// Since is when the group became partial.
	Since time.Time
}

// gang is all pods that serve together: a group of a LeaderWorkerSet, or the current RayCluster.
type gang struct {
	name string
	pods []corev1.Pod
	// size and workers count all pods, and those of them with devices.
	size, workers int
}

// gangs returns the gangs of a workload. A RayCluster that serves while another is pending is not one of them: the
// RayService no longer has its size, and KubeRay deletes it.
func (w Workload) gangs() []gang {
	var gangs []gang
	switch {
	case w.Groups != nil:
		for _, group := range (revision{pods: w.Pods}).groups() {
			if group.number >= 0 {
				gangs = append(gangs, gang{fmt.Sprintf("group %d", group.number), group.pods, w.Groups.size(), w.Groups.size()})
			}
		}
	case w.Ray != nil:
		cluster := gang{size: 1 + w.Ray.Workers(), workers: w.Ray.Workers()}
		name := w.Ray.currentCluster()
		for _, pod := range w.Pods {
			if name != "" && pod.Labels[labelRayCluster] == name {
				cluster.pods = append(cluster.pods, pod)
			}
		}
		slices.SortFunc(cluster.pods, byName)
		cluster.name = "RayCluster " + name
		if !w.Ray.mayServe(cluster.pods) {
			gangs = append(gangs, cluster)
		}
	}
	return gangs
}

// mayServe reports whether the pods of the current RayCluster may answer requests although some have no node: it served,
// and still has the head and the workers of one replica.
func (s *RayService) mayServe(pods []corev1.Pod) bool {
	heads, workers := 0, 0
	for _, pod := range pods {
		switch {
		case pod.Spec.NodeName == "":
		case isHead(pod):
			heads++
		default:
			workers++
		}
	}
	return s.Status.Pending.Name == "" && (s.IsServing() || heads > 0 && workers >= s.size())
}

// PartialGroups returns the groups that hold devices without being complete, by number. A group of which
// a pod is being deleted, or has ended, is not one of them: its controller is about to replace the pod.
func (o Observed) PartialGroups() []PartialGroup {
	accelerator := o.accelerator()
	if accelerator == nil {
		return nil
	}
	var partial []PartialGroup
	for _, gang := range o.Workload.gangs() {
		changes := slices.ContainsFunc(gang.pods, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil || HasEnded(&pod) })
		placed := slices.DeleteFunc(slices.Clone(gang.pods), func(pod corev1.Pod) bool { return pod.Spec.NodeName == "" })
		if changes || len(placed) >= gang.size {
			continue
		}
		group := newPartialGroup(gang, accelerator.Count)
		if len(gang.pods) < gang.size {
			group.Since = latest(group.Since, o.unavailableSince())
		}
		if group.Held > 0 {
			partial = append(partial, group)
		}
	}
	return partial
}

// unavailableSince is the time since which a pod may be missing: nothing else has it.
func (o Observed) unavailableSince() metav1.Time {
	if available := meta.FindStatusCondition(o.Deploy.Status.Conditions, v1.ConditionAvailable); available != nil && available.Status == metav1.ConditionFalse {
		return available.LastTransitionTime
	}
	return metav1.NewTime(o.Now)
}

// newPartialGroup counts the devices of a gang, of which each worker has so many. The head of a RayCluster has none.
func newPartialGroup(gang gang, devices int32) PartialGroup {
	group := PartialGroup{Name: gang.name, Needed: int32(gang.workers) * devices} //nolint:gosec // A spec limits both.
	for _, pod := range gang.pods {
		since := pod.CreationTimestamp
		if pod.Spec.NodeName != "" {
			since = podCondition(pod, corev1.PodScheduled).LastTransitionTime
		}
		group.Since = latest(group.Since, since)
		if isHead(pod) {
			continue
		}
		group.Pods = append(group.Pods, pod)
		if pod.Spec.NodeName != "" {
			group.Held += devices
		}
	}
	return group
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
	return fmt.Sprintf("%s holds %d of its %d %s", group.Name, group.Held, group.Needed, o.accelerator().ResourceName)
}

// besidePartial adds what the first partial group holds, and until when, if pods wait for nodes or are rejected.
func (d diagnosis) besidePartial(observed Observed) diagnosis {
	groups := observed.PartialGroups()
	if len(groups) == 0 || !slices.Contains([]string{v1.ReasonNoFreeDevice, v1.ReasonUnschedulable, v1.ReasonQuotaExceeded, v1.ReasonQueued, v1.ReasonPodRejected}, d.reason) {
		return d
	}
	d.message += "; " + observed.Describe(groups[0])
	if at, isLimited := observed.Release(groups[0]); isLimited {
		d.message += ", which are released at " + timestamp(metav1.NewTime(at)) + " unless all of its pods have a node"
	}
	return d
}
