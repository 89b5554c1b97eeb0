package status

import (
	"fmt"
	"strings"

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

// available evaluates the Deployment first, and its pods only if that is inconclusive.
func available(observed Observed, rev revision) result {
	deployment := observed.Workload.Deployment
	if deployment == nil {
		return noDeployment(observed)
	}
	if !rev.observed {
		return mostActionable(notCreated(deployment, rev),
			diagnosis{v1.ReasonProgressing, "the Deployment's controller has not acted on its last change yet"}).result()
	}
	desired, ready := desiredReplicas(deployment), len(rev.ready())
	if desired == 0 {
		return result{metav1.ConditionTrue, v1.ReasonScaledToZero, "replicas is 0"}
	}
	if ready >= desired && deployment.Status.UnavailableReplicas == 0 {
		return result{metav1.ConditionTrue, v1.ReasonAvailable, fmt.Sprintf("%d of %d pods are ready", ready, desired)}
	}
	d := mostActionable(
		notCreated(deployment, rev),
		rejectedByNode(rev),
		diagnoseAll(observed, rev, desired),
		progressing(deployment, rev),
	)
	if rev.earlier > 0 {
		d.message = message.Truncate(d.message, maxMessage-64) +
			"; " + plural(rev.earlier, "pod") + " of an earlier revision still serving"
	}
	return d.result()
}

func noDeployment(observed Observed) result {
	switch _, applied := observed.results(); {
	case applied.isUnknown():
		return result{metav1.ConditionUnknown, v1.ReasonNotObserved, "not observed yet"}
	case applied.isFalse():
		return diagnosis{v1.ReasonNotApplied, "no Deployment is in place"}.result()
	}
	return diagnosis{v1.ReasonProgressing, "the Deployment was applied and is not observed yet"}.result()
}

// notCreated is for pods, and ReplicaSets, that could not be created. The API server gives
// the cause in prose only.
func notCreated(deployment *appsv1.Deployment, rev revision) diagnosis {
	desired, created := desiredReplicas(deployment), len(rev.pods)
	cause := creationError(deployment)
	if created >= desired || cause == "" {
		return diagnosis{}
	}
	reason := v1.ReasonPodRejected
	if strings.Contains(cause, "exceeded quota") || strings.Contains(cause, "failed quota") {
		reason = v1.ReasonQuotaExceeded
	}
	return diagnosis{reason, fmt.Sprintf("%d of %d pods could not be created: %s", desired-created, desired, cause)}
}

// creationError is the API server's answer to the Deployment's controller, or empty.
func creationError(deployment *appsv1.Deployment) string {
	for _, condition := range deployment.Status.Conditions {
		failed := condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue
		if failed || condition.Reason == "ReplicaSetCreateError" {
			return condition.Message
		}
	}
	return ""
}

// progressing applies if no pod has a diagnosis.
func progressing(deployment *appsv1.Deployment, rev revision) diagnosis {
	desired := desiredReplicas(deployment)
	text := fmt.Sprintf("%d of %d pods are ready", len(rev.ready()), desired)
	if missing := desired - len(rev.pods); missing > 0 {
		text += fmt.Sprintf(", %d not created yet", missing)
	} else if unavailable := deployment.Status.UnavailableReplicas; unavailable > 0 {
		text += fmt.Sprintf(", %d not counted as available yet", unavailable)
	}
	if rev.terminating > 0 {
		text += "; waiting for " + plural(rev.terminating, "pod") + " to stop"
	}
	return diagnosis{v1.ReasonProgressing, text}
}
