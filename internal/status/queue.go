package status

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// LabelQueue is Kueue's label of pods, and of objects with pods: the queue that admits them.
const LabelQueue = "kueue.x-k8s.io/queue-name"

// Queued returns the UID of what a queue of Kueue has not admitted, and since when it exists: the RayService that it
// suspends or, otherwise, the first pod by name, for which the LeaderWorkerSet stands. The UID is empty if nothing waits.
func (w Workload) Queued() (uid types.UID, since time.Time) {
	if w.Ray != nil && w.Ray.Spec.RayClusterConfig.Suspend {
		return w.Ray.UID, w.Ray.CreationTimestamp.Time
	}
	var first *corev1.Pod
	for i := range w.Pods {
		pod := &w.Pods[i]
		if pod.Labels[LabelQueue] != "" && isGated(*pod) && (first == nil || pod.Name < first.Name) {
			first = pod
		}
	}
	switch {
	case first == nil:
		return "", time.Time{}
	case w.Groups != nil:
		return w.Groups.UID, first.CreationTimestamp.Time
	}
	return first.UID, first.CreationTimestamp.Time
}

func isGated(pod corev1.Pod) bool {
	return podCondition(pod, corev1.PodScheduled).Reason == corev1.PodReasonSchedulingGated
}

// QueuedWorkload is the part of Kueue's Workload that says why a queue has not admitted it.
type QueuedWorkload struct {
	Status struct {
		Conditions      []metav1.Condition `json:"conditions"`
		AdmissionChecks []struct {
			Name    string `json:"name"`
			State   string `json:"state"`
			Message string `json:"message"`
		} `json:"admissionChecks"`
	} `json:"status"`
}

// NewQueuedWorkload decodes a Workload of kueue.x-k8s.io/v1beta2.
func NewQueuedWorkload(object *unstructured.Unstructured) (*QueuedWorkload, error) {
	return decode[QueuedWorkload](object)
}

// Pending returns why a queue has not admitted the workload. It is empty if Kueue has admitted it, or has not acted on
// it.
func (w *QueuedWorkload) Pending() string {
	conditions := w.Status.Conditions
	if meta.IsStatusConditionTrue(conditions, "Admitted") {
		return ""
	}
	if meta.IsStatusConditionTrue(conditions, "QuotaReserved") {
		// Kueue 0.19 sets no condition for checks.
		for _, check := range w.Status.AdmissionChecks {
			if check.State != "Ready" {
				return strings.TrimSuffix("quota is reserved; waits for admission check "+check.Name+": "+check.Message, ": ")
			}
		}
	}
	for _, name := range []string{"QuotaReserved", "Admitted"} {
		if condition := meta.FindStatusCondition(conditions, name); condition != nil && condition.Status == metav1.ConditionFalse {
			return condition.Message
		}
	}
	return ""
}

// queued diagnoses a pod that a queue, or another owner of a scheduling gate, holds back.
func queued(observed Observed, pod corev1.Pod) diagnosis {
	if !isGated(pod) {
		return diagnosis{}
	}
	if queue := pod.Labels[LabelQueue]; queue != "" {
		return observed.Workload.waitsIn("queue " + queue)
	}
	return diagnosis{v1.ReasonQueued, podCondition(pod, corev1.PodScheduled).Message}
}

// waitsIn diagnoses pods that a queue has not admitted.
func (w Workload) waitsIn(queue string) diagnosis {
	text := "waits for admission by " + queue
	if w.Admission != "" {
		text += ": " + w.Admission
	}
	return diagnosis{v1.ReasonQueued, text}
}
