package status

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnnotationRevision numbers the ReplicaSets of a Deployment. The Deployment has the number
// of its current one, after a rollback too.
const AnnotationRevision = "deployment.kubernetes.io/revision"

// revision is the workload's pods by the template that they were created from. Pods that
// ended or are being deleted are in no list.
type revision struct {
	// observed is false until the workload's controller has acted on the current spec and, for a
	// Deployment, the ReplicaSet is observed. Until then the lists are meaningless.
	observed bool
	// pods are the pods of the current template, by name.
	pods []corev1.Pod
	// failed are the pods of the current template that a node terminated, newest first.
	failed []corev1.Pod
	// earlier are ready pods of other templates, by name.
	earlier []corev1.Pod
	// terminating are pods of any template that are being deleted, the first to end first.
	terminating []corev1.Pod
}

func currentRevision(workload Workload) revision {
	hash, label := currentLabel(workload)
	rev := revision{observed: hash != ""}
	for _, pod := range workload.Pods {
		current := rev.observed && pod.Labels[label] == hash
		switch {
		case HasEnded(&pod) && pod.DeletionTimestamp != nil, pod.Status.Phase == corev1.PodSucceeded:
		case pod.DeletionTimestamp != nil:
			rev.terminating = append(rev.terminating, pod)
		case pod.Status.Phase == corev1.PodFailed && current:
			rev.failed = append(rev.failed, pod)
		case pod.Status.Phase == corev1.PodFailed:
		case current:
			rev.pods = append(rev.pods, pod)
		case isReady(pod):
			rev.earlier = append(rev.earlier, pod)
		}
	}
	slices.SortFunc(rev.pods, byName)
	slices.SortFunc(rev.earlier, byName)
	slices.SortFunc(rev.terminating, func(a, b corev1.Pod) int {
		return cmp.Or(a.DeletionTimestamp.Compare(b.DeletionTimestamp.Time), byName(a, b))
	})
	slices.SortFunc(rev.failed, func(a, b corev1.Pod) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), byName(a, b))
	})
	return rev
}

// currentLabel returns the label that pods of the current template have, and its value, which is empty
// while that is unknown.
func currentLabel(workload Workload) (hash, label string) {
	switch {
	case workload.Groups != nil:
		return workload.Groups.currentRevision(workload.Pods), labelRevision
	case workload.Ray != nil:
		return workload.Ray.currentCluster(), labelRayCluster
	}
	return currentHash(workload), appsv1.DefaultDeploymentUniqueLabelKey
}

func byName(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) }

// currentHash is the template hash of the current ReplicaSet, or empty while that is
// unknown. In a stale cache, the highest revision may be the previous one.
func currentHash(workload Workload) string {
	deployment := workload.Deployment
	if deployment == nil || deployment.Status.ObservedGeneration < deployment.Generation && !workload.SpecObserved {
		return ""
	}
	number := deployment.Annotations[AnnotationRevision]
	for _, set := range workload.ReplicaSets {
		if metav1.IsControlledBy(&set, deployment) && set.Annotations[AnnotationRevision] == number {
			return set.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	return ""
}

// ready returns the current pods that serve.
func (r revision) ready() []corev1.Pod {
	var pods []corev1.Pod
	for _, pod := range r.pods {
		if isReady(pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// isReady rejects a Ready condition that the containers contradict: after a crash, their
// status is written before the condition.
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

func desiredReplicas(deployment *appsv1.Deployment) int {
	return orOne(deployment.Spec.Replicas)
}
