package status

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/internal/message"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// actionability orders reasons: what a user can change first, what takes time last.
func actionability() []string {
	return []string{
		v1.ReasonQuotaExceeded,
		v1.ReasonPodRejected,
		v1.ReasonImagePull,
		v1.ReasonContainerConfig,
		v1.ReasonOutOfMemory,
		v1.ReasonCrashLoop,
		v1.ReasonApplicationFailed,
		v1.ReasonProbeFailing,
		v1.ReasonNodeLost,
		v1.ReasonQueued,
		v1.ReasonNoFreeDevice,
		v1.ReasonUnschedulable,
		v1.ReasonStarting,
		v1.ReasonProgressing,
	}
}

func mostActionable(diagnoses ...diagnosis) diagnosis {
	order := actionability()
	first, rank := diagnosis{}, len(order)
	for _, d := range diagnoses {
		if at := slices.Index(order, d.reason); at >= 0 && at < rank {
			first, rank = d, at
		}
	}
	return first
}

// check inspects one pod that is not ready.
type check func(Observed, corev1.Pod) diagnosis

// checks are in the order of evidence: what a lost node last reported is stale, so that
// its check is first. The rest follows actionability.
func checks() []check {
	return []check{
		nodeLost,
		imagePull,
		containerConfig,
		outOfMemory,
		crashLoop,
		probeFailing,
		queued,
		noFreeDevice,
		unschedulable,
		starting,
	}
}

func diagnose(observed Observed, pod corev1.Pod) diagnosis {
	for _, check := range checks() {
		if d := check(observed, pod); d.reason != "" {
			return d
		}
	}
	return diagnosis{}
}

// diagnoseAll diagnoses the current pods that are not ready. It returns the most
// actionable reason with the message of the first pod, by name, that has it.
func diagnoseAll(observed Observed, rev revision, desired int) diagnosis {
	var all []diagnosis
	for _, pod := range rev.pods {
		if !isReady(pod) {
			d := diagnose(observed, pod)
			d.message = pod.Name + ": " + d.message
			all = append(all, d)
		}
	}
	first := mostActionable(all...)
	if first.reason == "" {
		return diagnosis{}
	}
	affected := 0
	for _, d := range all {
		if d.reason == first.reason {
			affected++
		}
	}
	total := max(desired, len(rev.pods))
	return diagnosis{first.reason, fmt.Sprintf("%d of %d pods, %s", affected, total, first.message)}
}

// Diagnose returns the reason that one pod of the deploy is not ready, in the words of
// Available, or ReasonReady. Warnings may be events of other pods too. The pod is complete:
// its spec has the limits and probes that it was created with.
func Diagnose(deploy *v1.NpuDeploy, pod corev1.Pod, warnings []corev1.Event, scheduling SchedulingContext) Outcome {
	template := corev1.PodTemplateSpec{Spec: pod.Spec}
	d := diagnoseOne(Observed{
		Deploy: deploy, Scheduling: scheduling,
		Workload: Workload{Deployment: &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: template}}, Warnings: warnings},
	}, pod)
	return Outcome{Reason: d.reason, Message: message.Line(d.message, maxMessage)}
}

func diagnoseOne(observed Observed, pod corev1.Pod) diagnosis {
	switch phase := pod.Status.Phase; {
	case pod.DeletionTimestamp != nil:
		return diagnosis{v1.ReasonProgressing, "it is being deleted and has until " + timestamp(*pod.DeletionTimestamp) + " to stop"}
	case phase == corev1.PodFailed || phase == corev1.PodSucceeded:
		return diagnosis{v1.ReasonPodRejected, fmt.Sprintf("node %s terminated it: %s: %s",
			pod.Spec.NodeName, pod.Status.Reason, pod.Status.Message)}
	case isReady(pod):
		return diagnosis{reason: v1.ReasonReady}
	}
	return diagnose(observed, pod)
}

// recent is the largest difference in age between a pod that a node terminated and the pod
// that replaces it. Ended pods stay in the API server for days.
const recent = 10 * time.Minute

// rejectedByNode diagnoses pods that a node did not admit (device allocation, topology) or
// soon evicted. Their ReplicaSet replaces them repeatedly, and each new pod has no error at first.
func rejectedByNode(rev revision) diagnosis {
	if len(rev.failed) == 0 {
		return diagnosis{}
	}
	last := rev.failed[0]
	for _, pod := range rev.pods {
		if isReady(pod) || pod.CreationTimestamp.Sub(last.CreationTimestamp.Time) > recent {
			return diagnosis{}
		}
	}
	return diagnosis{v1.ReasonPodRejected, fmt.Sprintf("node %s terminated %s, most recently %s: %s: %s",
		last.Spec.NodeName, plural(len(rev.failed), "pod"), last.Name, last.Status.Reason, last.Status.Message)}
}
