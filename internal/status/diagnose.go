package status

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Diagnose says of one pod of the deploy what Available would say of it, on its own: why
// it is not ready, or that it is. Warnings are events of this pod or of others. The pod
// is whole: its own spec has the limits and probes that it was made with.
func Diagnose(deploy *v1.NpuDeploy, pod corev1.Pod, warnings []corev1.Event, cluster Cluster) Outcome {
	own := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: pod.Spec}}}
	found := alone(Observed{Deploy: deploy, Workload: Workload{Deployment: own, Warnings: warnings}, Cluster: cluster}, pod)
	return Outcome{Reason: found.reason, Message: line(found.message)}
}

func alone(observed Observed, pod corev1.Pod) finding {
	switch phase := pod.Status.Phase; {
	case pod.DeletionTimestamp != nil:
		return finding{v1.ReasonProgressing, "it is deleted and has until " + moment(*pod.DeletionTimestamp) + " to stop"}
	case phase == corev1.PodFailed || phase == corev1.PodSucceeded:
		return finding{v1.ReasonPodRejected, fmt.Sprintf("node %s ended it: %s: %s",
			pod.Spec.NodeName, pod.Status.Reason, pod.Status.Message)}
	case isReady(pod):
		return finding{reason: v1.ReasonReady}
	}
	return diagnose(observed, pod)
}
