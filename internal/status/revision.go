package status

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revisionAnnotation numbers the ReplicaSets of a deployment. The deployment has the
// number of its current one, after a rollback too.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// revision is the workload's pods, told apart by the template they were made from.
// Pods that ended or are being deleted are in neither list.
type revision struct {
	// known is false until the deployment's controller has acted on the present spec
	// and its ReplicaSet is seen. The lists say nothing before.
	known bool
	// pods are those of the current template, by name.
	pods []corev1.Pod
	// refused are those of the current template that a node ended, newest first.
	refused []corev1.Pod
	// earlier counts ready pods of other templates, leaving those that still stop.
	earlier, leaving int
}

func currentRevision(workload Workload) revision {
	hash := currentHash(workload)
	rev := revision{known: hash != ""}
	for _, pod := range workload.Pods {
		current := rev.known && pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == hash
		switch {
		case pod.Status.Phase == corev1.PodSucceeded:
		case pod.DeletionTimestamp != nil:
			rev.leaving++
		case pod.Status.Phase == corev1.PodFailed && current:
			rev.refused = append(rev.refused, pod)
		case pod.Status.Phase == corev1.PodFailed:
		case current:
			rev.pods = append(rev.pods, pod)
		case isReady(pod):
			rev.earlier++
		}
	}
	slices.SortFunc(rev.pods, byName)
	slices.SortFunc(rev.refused, func(a, b corev1.Pod) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), byName(a, b))
	})
	return rev
}

func byName(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) }

// currentHash is the template hash of the current ReplicaSet, or empty while it is not
// known. The highest number would not do: a cache that lags would take the pods of
// the revision before for current ones.
func currentHash(workload Workload) string {
	deployment := workload.Deployment
	if deployment == nil || deployment.Status.ObservedGeneration < deployment.Generation {
		return ""
	}
	number := deployment.Annotations[revisionAnnotation]
	for _, set := range workload.ReplicaSets {
		if metav1.IsControlledBy(&set, deployment) && set.Annotations[revisionAnnotation] == number {
			return set.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	return ""
}

// ready returns the current pods that serve.
func (r revision) ready() []corev1.Pod {
	var serving []corev1.Pod
	for _, pod := range r.pods {
		if isReady(pod) {
			serving = append(serving, pod)
		}
	}
	return serving
}

// isReady does not believe a Ready condition that the containers contradict: after
// a crash the one is written before the other.
func isReady(pod corev1.Pod) bool {
	if podCondition(pod, corev1.PodReady).Status != corev1.ConditionTrue {
		return false
	}
	return !slices.ContainsFunc(pod.Status.ContainerStatuses, func(container corev1.ContainerStatus) bool {
		return !container.Ready
	})
}

// podCondition returns the zero value if the pod has none of this type.
func podCondition(pod corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return corev1.PodCondition{}
}

func wanted(deployment *appsv1.Deployment) int {
	if deployment.Spec.Replicas == nil {
		return 1
	}
	return int(*deployment.Spec.Replicas)
}
