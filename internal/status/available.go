package status

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// finding is why pods are not available. The zero value means that nothing was
// found.
type finding struct {
	reason, message string
}

// available asks the deployment first. Only when it cannot answer are the pods
// looked at, and the reason that a user can act on first is told.
func available(observed Observed, rev revision) verdict {
	deployment := observed.Workload.Deployment
	if deployment == nil {
		return absent(observed)
	}
	if !rev.known {
		return unavailable(mostActionable(notMade(deployment, rev),
			finding{v1.ReasonProgressing, "the last change of the deployment has not been acted on yet"}))
	}
	want, ready := wanted(deployment), len(rev.ready())
	if want == 0 {
		return verdict{metav1.ConditionTrue, v1.ReasonScaledToZero, "no pods are wanted: replicas is 0"}
	}
	if ready >= want && deployment.Status.UnavailableReplicas == 0 {
		return verdict{metav1.ConditionTrue, v1.ReasonAvailable, fmt.Sprintf("%d of %d pods are ready", ready, want)}
	}
	found := mostActionable(
		notMade(deployment, rev),
		refused(rev),
		ofPods(observed, rev, want),
		progressing(deployment, rev),
	)
	if rev.earlier > 0 {
		found.message = shorten(found.message, maxMessage-64) +
			"; " + plural(rev.earlier, "pod") + " of an earlier revision still serving"
	}
	return unavailable(found)
}

func unavailable(found finding) verdict {
	return verdict{metav1.ConditionFalse, found.reason, found.message}
}

// absent judges a workload that is not there.
func absent(observed Observed) verdict {
	switch manifests := applied(observed); {
	case isUnknown(manifests):
		return verdict{metav1.ConditionUnknown, v1.ReasonNotObserved, "not known yet"}
	case isFalse(manifests):
		return unavailable(finding{v1.ReasonNotApplied, "no deployment is in place"})
	}
	return unavailable(finding{v1.ReasonProgressing, "the deployment was applied and is not seen yet"})
}

// notMade is for pods, and ReplicaSets, that never came to be. The API server says why
// in prose only.
func notMade(deployment *appsv1.Deployment, rev revision) finding {
	want, have := wanted(deployment), len(rev.pods)
	message := refusal(deployment)
	if have >= want || message == "" {
		return finding{}
	}
	reason := v1.ReasonPodRejected
	if strings.Contains(message, "exceeded quota") || strings.Contains(message, "failed quota") {
		reason = v1.ReasonQuotaExceeded
	}
	return finding{reason, fmt.Sprintf("%d of %d pods could not be made: %s", want-have, want, message)}
}

// refusal is what the API server answered to the deployment's controller, or empty.
func refusal(deployment *appsv1.Deployment) string {
	for _, condition := range deployment.Status.Conditions {
		failed := condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue
		if failed || condition.Reason == "ReplicaSetCreateError" {
			return condition.Message
		}
	}
	return ""
}

// progressing is what remains when no pod has anything to say.
func progressing(deployment *appsv1.Deployment, rev revision) finding {
	want := wanted(deployment)
	message := fmt.Sprintf("%d of %d pods are ready", len(rev.ready()), want)
	if missing := want - len(rev.pods); missing > 0 {
		message += fmt.Sprintf(", %d not made yet", missing)
	} else if unavailable := deployment.Status.UnavailableReplicas; unavailable > 0 {
		message += fmt.Sprintf(", %d not counted as available yet", unavailable)
	}
	if rev.leaving > 0 {
		message += "; waiting for " + plural(rev.leaving, "pod") + " to stop"
	}
	return finding{v1.ReasonProgressing, message}
}
