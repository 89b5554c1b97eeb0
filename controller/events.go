package controller

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

type eventRecorder = events.EventRecorder

// tell makes an event of each condition of an object that turned. That things begin as
// expected is no news, until all is ready.
func tell(recorder eventRecorder, object runtime.Object, turned []status.Transition) {
	for _, t := range turned {
		isWarning := t.To == metav1.ConditionFalse && !isOnItsWay(t.Reason)
		isReady := t.Type == v1.ConditionReady && t.To == metav1.ConditionTrue
		if t.From == metav1.ConditionUnknown && !isWarning && !isReady {
			continue
		}
		kind := corev1.EventTypeNormal
		if isWarning {
			kind = corev1.EventTypeWarning
		}
		recorder.Eventf(object, nil, kind, t.Reason, "Reconcile", "%s is %s: %s", t.Type, t.To, t.Message)
	}
}

// tellRejected makes an event of templates that were found bad, on the controller's own
// pod: they are nobody's NpuDeploy.
func (r *reconciler) tellRejected(pod types.NamespacedName, digest string, reason error) {
	if pod.Name == "" {
		return
	}
	self := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	r.recorder.Eventf(self, nil, corev1.EventTypeWarning, v1.ReasonInvalidTemplate, "Judge",
		"templates %s are not swapped in: %.900s", digest, reason)
}

// isOnItsWay holds for reasons that pass by themselves.
func isOnItsWay(reason string) bool {
	switch reason {
	case v1.ReasonProgressing, v1.ReasonStarting, v1.ReasonRoutePending,
		v1.ReasonNotObserved, v1.ReasonNotRendered, v1.ReasonNotApplied:
		return true
	}
	return false
}
