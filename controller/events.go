package controller

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/dudaji/nufi/internal/message"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

type eventRecorder = events.EventRecorder

// maxNote is the longest note of an event, in bytes. The API server rejects longer ones, and client-go drops their events.
const maxNote = 1024

// boundedRecorder shortens notes to maxNote.
type boundedRecorder struct{ eventRecorder }

func newRecorder(mgr manager.Manager) eventRecorder {
	return boundedRecorder{mgr.GetEventRecorder(v1.FieldManager)}
}

func (r boundedRecorder) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	note = message.Truncate(fmt.Sprintf(note, args...), maxNote)
	r.eventRecorder.Eventf(regarding, related, eventType, reason, action, "%s", note)
}

// recordTransitions emits an event for each transition. The first value of a condition is
// an event only if it is an error, or Ready. Ready, the first condition, is left out if another has the same reason:
// Kubernetes would merge the two into a series, which takes up to four more requests. A Ready that is True implies the
// conditions that it summarizes.
func recordTransitions(recorder eventRecorder, object runtime.Object, transitions []status.Transition) {
	type reason struct{ eventType, text string }
	recorded := map[reason]bool{}
	becomesReady := slices.ContainsFunc(transitions, func(t status.Transition) bool { return isReady(t) })
	for _, t := range slices.Backward(transitions) {
		isWarning := t.To == metav1.ConditionFalse && !isTransient(t.Reason)
		if t.From == metav1.ConditionUnknown && !isWarning && !isReady(t) || becomesReady && isPart(t) {
			continue
		}
		eventType := corev1.EventTypeNormal
		if isWarning {
			eventType = corev1.EventTypeWarning
		}
		if recorded[reason{eventType, t.Reason}] {
			continue
		}
		recorded[reason{eventType, t.Reason}] = true
		recorder.Eventf(object, nil, eventType, t.Reason, "Reconcile", "%s is %s: %s", t.Type, t.To, t.Message)
	}
}

func isReady(t status.Transition) bool {
	return t.Type == v1.ConditionReady && t.To == metav1.ConditionTrue
}

// isPart reports whether Ready summarizes the condition.
func isPart(t status.Transition) bool {
	return slices.Contains([]string{v1.ConditionRendered, v1.ConditionApplied, v1.ConditionAvailable, v1.ConditionEndpoint}, t.Type)
}

// recordRejected emits an event of invalid templates. Its object is the controller's pod, because
// templates belong to no NpuDeploy. The action has the digest: client-go would count the rejection of other templates
// as a repetition of the first, and not send its reason.
func recordRejected(recorder eventRecorder, pod types.NamespacedName, digest string, reason error) {
	if pod.Name == "" {
		return
	}
	self := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	recorder.Eventf(self, nil, corev1.EventTypeWarning, v1.ReasonInvalidTemplate, "Validate "+digest,
		"templates %s are not served: %s", digest, reason)
}

// isTransient reports whether a reason passes without any action.
func isTransient(reason string) bool {
	switch reason {
	case v1.ReasonProgressing, v1.ReasonStarting, v1.ReasonRoutePending, v1.ReasonPromoting, v1.ReasonPromotionWaiting,
		v1.ReasonNotObserved, v1.ReasonNotRendered, v1.ReasonNotApplied, v1.ReasonTerminating:
		return true
	}
	return false
}
