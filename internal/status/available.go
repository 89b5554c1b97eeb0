package status

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/message"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// diagnosis is the reason that pods are not ready. The zero value is none.
type diagnosis struct {
	reason, message string
}

func (d diagnosis) result() result {
	return result{metav1.ConditionFalse, d.reason, d.message}
}

// withPrefill adds the pods that process prompts, if any, to the result of those that answer requests: the condition
// has the most actionable reason of both, and names the role.
func (o Observed) withPrefill(decode result) result {
	if o.Workload.Prefill == nil || decode.isUnknown() || decode.reason == v1.ReasonScaledToZero {
		return decode
	}
	o.Workload = *o.Workload.Prefill
	prefill := available(o, currentRevision(o.Workload))
	switch {
	case !decode.isFalse() && !prefill.isFalse():
		return result{decode.status, decode.reason, fmt.Sprintf("decode: %s; prefill: %s", decode.message, prefill.message)}
	case prefill.isFalse() && (!decode.isFalse() || mostActionable(prefill.diagnosis(), decode.diagnosis()) == prefill.diagnosis()):
		return result{prefill.status, prefill.reason, "prefill: " + prefill.message}
	}
	return result{decode.status, decode.reason, "decode: " + decode.message}
}

func (r result) diagnosis() diagnosis { return diagnosis{r.reason, r.message} }

// available evaluates the object with the pods first, and these only if that is inconclusive.
func available(observed Observed, rev revision) result {
	deployment := observed.Workload.Deployment
	switch {
	case observed.Workload.Groups != nil:
		return groupsAvailable(observed, rev)
	case observed.Workload.Ray != nil:
		return rayAvailable(observed, rev)
	case deployment == nil:
		return noWorkload(observed)
	}
	if !rev.observed {
		return mostActionable(notCreated(deployment, rev),
			diagnosis{v1.ReasonProgressing, "the Deployment's controller has not acted on its last change yet"}).result()
	}
	desired, ready := observed.Workload.desired(), len(rev.ready())
	if desired == 0 {
		return result{metav1.ConditionTrue, v1.ReasonScaledToZero, "replicas is 0"}
	}
	if isPausedBeforeRollout(deployment) {
		return pausedBeforeRollout(deployment).result()
	}
	if ready >= desired && notCounted(deployment) == 0 {
		return result{metav1.ConditionTrue, v1.ReasonAvailable, fmt.Sprintf("%d of %d pods are ready", ready, desired)}
	}
	d := mostActionable(
		notCreated(deployment, rev),
		rejectedByNode(rev),
		diagnoseAll(observed, rev, desired),
		progressing(deployment, rev),
	)
	return d.besideOthers(rev).result()
}

// besideOthers adds the pods that the current ones wait for, and those that serve meanwhile.
func (d diagnosis) besideOthers(rev revision) diagnosis {
	if d.reason == v1.ReasonNoFreeDevice || d.reason == v1.ReasonProgressing {
		d.message += terminatingMessage(rev)
	}
	if len(rev.earlier) > 0 {
		d.message = message.Truncate(d.message, maxMessage-64) +
			"; " + plural(len(rev.earlier), "pod") + " of an earlier revision still serving"
	}
	return d
}

// notCounted returns how many pods the Deployment does not count as available yet. Its status may be older than the
// pods: before it counts the new ones it counts none as unavailable, and then each of them.
func notCounted(deployment *appsv1.Deployment) int {
	updated, unavailable := int(deployment.Status.UpdatedReplicas), int(deployment.Status.UnavailableReplicas)
	return max(unavailable, desiredReplicas(deployment)-updated)
}

// isPausedBeforeRollout reports whether the current template is not rolled out because the
// Deployment is paused. The previous revision then stays the current one.
func isPausedBeforeRollout(deployment *appsv1.Deployment) bool {
	return deployment.Spec.Paused && int(deployment.Status.UpdatedReplicas) < desiredReplicas(deployment)
}

func pausedBeforeRollout(deployment *appsv1.Deployment) diagnosis {
	return diagnosis{v1.ReasonProgressing, fmt.Sprintf(
		"the Deployment is paused, and %d of %d pods have its current template: run kubectl rollout resume deployment/%s",
		deployment.Status.UpdatedReplicas, desiredReplicas(deployment), deployment.Name)}
}

func noWorkload(observed Observed) result {
	kind := "Deployment"
	if observed.Resolved != nil {
		kind = observed.Resolved.Workload
	}
	switch _, applied := observed.results(); {
	case applied.isUnknown():
		return result{metav1.ConditionUnknown, v1.ReasonNotObserved, "not observed yet"}
	case applied.isFalse():
		return diagnosis{v1.ReasonNotApplied, "no " + kind + " is in place"}.result()
	case kind == "":
		return result{metav1.ConditionTrue, v1.ReasonScaledToZero, "replicas is 0"} // A RayService has at least one.
	}
	return diagnosis{v1.ReasonProgressing, "the " + kind + " was applied and is not observed yet"}.result()
}

// terminatingMessage is the end of a message: the pod that has been terminating longest, which
// may have the devices that a new pod waits for.
func terminatingMessage(rev revision) string {
	if len(rev.terminating) == 0 {
		return ""
	}
	pod := rev.terminating[0]
	since := *pod.DeletionTimestamp
	if grace := pod.DeletionGracePeriodSeconds; grace != nil {
		since.Time = since.Add(-time.Duration(*grace) * time.Second)
	}
	text := fmt.Sprintf("; waiting for pod %s to stop, which was deleted at %s and must stop by %s",
		pod.Name, timestamp(since), timestamp(*pod.DeletionTimestamp))
	if others := len(rev.terminating) - 1; others > 0 {
		text += ", and for " + plural(others, "other pod")
	}
	return text + fmt.Sprintf(": if it does not stop, check node %s, or run kubectl delete pod %s --force",
		pod.Spec.NodeName, pod.Name)
}

// notCreated diagnoses pods and ReplicaSets that could not be created. The API server reports
// the cause as text only.
func notCreated(deployment *appsv1.Deployment, rev revision) diagnosis {
	desired, created := desiredReplicas(deployment), len(rev.pods)
	cause := creationError(deployment)
	if created >= desired || cause == "" {
		return diagnosis{}
	}
	return rejection(desired-created, desired, cause)
}

func rejection(missing, desired int, cause string) diagnosis {
	reason := v1.ReasonPodRejected
	if strings.Contains(cause, "exceeded quota") || strings.Contains(cause, "failed quota") {
		reason = v1.ReasonQuotaExceeded
	}
	return diagnosis{reason, fmt.Sprintf("%d of %d pods could not be created: %s", missing, desired, cause)}
}

// creationError is the API server's response to the Deployment's controller, or empty.
func creationError(deployment *appsv1.Deployment) string {
	for _, condition := range deployment.Status.Conditions {
		if IsCreationError(condition) {
			return condition.Message
		}
	}
	return ""
}

// IsCreationError reports whether a condition has the reason that a pod or ReplicaSet could not be created. No other
// condition of a Deployment is read.
func IsCreationError(condition appsv1.DeploymentCondition) bool {
	failed := condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue
	return failed || condition.Reason == "ReplicaSetCreateError"
}

// progressing applies if no pod has a diagnosis.
func progressing(deployment *appsv1.Deployment, rev revision) diagnosis {
	desired := desiredReplicas(deployment)
	text := fmt.Sprintf("%d of %d pods are ready", len(rev.ready()), desired)
	if missing := desired - len(rev.pods); missing > 0 {
		text += fmt.Sprintf(", %d not created yet", missing)
	} else if n := notCounted(deployment); n > 0 {
		text += fmt.Sprintf(", %d not counted as available yet", n)
	}
	return diagnosis{v1.ReasonProgressing, text}
}
