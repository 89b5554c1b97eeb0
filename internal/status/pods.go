package status

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// actionability orders reasons: what a user can change first, what merely takes
// time last.
func actionability() []string {
	return []string{
		v1.ReasonQuotaExceeded,
		v1.ReasonPodRejected,
		v1.ReasonImagePull,
		v1.ReasonContainerConfig,
		v1.ReasonOutOfMemory,
		v1.ReasonCrashLoop,
		v1.ReasonProbeFailing,
		v1.ReasonNodeLost,
		v1.ReasonNoFreeDevice,
		v1.ReasonUnschedulable,
		v1.ReasonStarting,
		v1.ReasonProgressing,
	}
}

func mostActionable(found ...finding) finding {
	order := actionability()
	best, rank := finding{}, len(order)
	for _, each := range found {
		if at := slices.Index(order, each.reason); at >= 0 && at < rank {
			best, rank = each, at
		}
	}
	return best
}

// check looks at one pod that is not ready.
type check func(Observed, corev1.Pod) finding

// checks are in the order of evidence: what a lost node last reported is stale, so
// that it is asked first; the rest follows actionability.
func checks() []check {
	return []check{
		nodeLost,
		imagePull,
		containerConfig,
		outOfMemory,
		crashLoop,
		probeFailing,
		noFreeDevice,
		unschedulable,
		starting,
	}
}

func diagnose(observed Observed, pod corev1.Pod) finding {
	for _, check := range checks() {
		if found := check(observed, pod); found.reason != "" {
			return found
		}
	}
	return finding{}
}

// ofPods diagnoses every current pod that is not ready, and tells the most
// actionable reason with the first pod, by name, that has it.
func ofPods(observed Observed, rev revision, want int) finding {
	var all []finding
	for _, pod := range rev.pods {
		if !isReady(pod) {
			found := diagnose(observed, pod)
			found.message = pod.Name + ": " + found.message
			all = append(all, found)
		}
	}
	worst := mostActionable(all...)
	if worst.reason == "" {
		return finding{}
	}
	concerned := 0
	for _, found := range all {
		if found.reason == worst.reason {
			concerned++
		}
	}
	total := max(want, len(rev.pods))
	return finding{worst.reason, fmt.Sprintf("%d of %d pods, %s", concerned, total, worst.message)}
}

// recent is how much older than a pod the refused one may be whose successor it is.
// Ended pods stay in the API server for days.
const recent = 10 * time.Minute

// refused is for pods that a node would not run (device allocation, topology) or
// threw out soon: their ReplicaSet makes new ones for ever, each of which looks
// young and well.
func refused(rev revision) finding {
	if len(rev.refused) == 0 {
		return finding{}
	}
	last := rev.refused[0]
	for _, pod := range rev.pods {
		if isReady(pod) || pod.CreationTimestamp.Sub(last.CreationTimestamp.Time) > recent {
			return finding{}
		}
	}
	return finding{v1.ReasonPodRejected, fmt.Sprintf("node %s ended %s, the last being %s: %s: %s",
		last.Spec.NodeName, plural(len(rev.refused), "pod"), last.Name, last.Status.Reason, last.Status.Message)}
}
