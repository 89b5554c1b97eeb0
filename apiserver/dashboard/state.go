package dashboard

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// state is how a deployment is, in one word. Its value is the suffix of its key in words.
type state string

const (
	stateReady      state = "Ready"
	stateStarting   state = "Starting"
	stateDegraded   state = "Degraded"
	stateError      state = "Error"
	statePending    state = "Pending"
	stateScaledDown state = "ScaledDown"
)

// states returns all states in the order of the page.
func states() []state {
	return []state{stateError, stateDegraded, statePending, stateStarting, stateReady, stateScaledDown}
}

// stateOf derives the state, and the message of the condition that decides it. The message
// is empty for a deployment that is ready.
func stateOf(deploy *v1.NpuDeploy) (state, string) {
	conditions := deploy.Status.Conditions
	if meta.IsStatusConditionTrue(conditions, v1.ConditionReady) {
		if available := meta.FindStatusCondition(conditions, v1.ConditionAvailable); available != nil && available.Reason == v1.ReasonScaledToZero {
			return stateScaledDown, ""
		}
		return stateReady, ""
	}
	condition := firstNotTrue(conditions)
	if condition == nil {
		return statePending, ""
	}
	result := stateOfReason(condition.Reason)
	if deploy.Status.ReadyReplicas > 0 && (result == stateError || result == statePending) {
		result = stateDegraded
	}
	return result, condition.Message
}

// firstNotTrue returns the first condition that a deployment waits for, or nil.
func firstNotTrue(conditions []metav1.Condition) *metav1.Condition {
	for _, name := range []string{v1.ConditionRendered, v1.ConditionApplied, v1.ConditionAvailable, v1.ConditionEndpoint, v1.ConditionReady} {
		if condition := meta.FindStatusCondition(conditions, name); condition != nil && condition.Status != metav1.ConditionTrue {
			return condition
		}
	}
	return nil
}

func stateOfReason(reason string) state {
	switch reason {
	case v1.ReasonNoFreeDevice, v1.ReasonUnschedulable, v1.ReasonQuotaExceeded, v1.ReasonNotObserved:
		return statePending
	case v1.ReasonStarting, v1.ReasonProgressing, v1.ReasonRoutePending, v1.ReasonTerminating:
		return stateStarting
	}
	return stateError
}
