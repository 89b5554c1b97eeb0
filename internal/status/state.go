package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// State summarizes the conditions of an NpuDeploy in one word, for lists.
type State string

// The states. Degraded means that some replicas serve although the deployment is not Ready.
const (
	StateError      State = "Error"
	StateDegraded   State = "Degraded"
	StatePending    State = "Pending"
	StateStarting   State = "Starting"
	StateReady      State = "Ready"
	StateScaledDown State = "ScaledDown"
)

// States returns all states, the most urgent first.
func States() []State {
	return []State{StateError, StateDegraded, StatePending, StateStarting, StateReady, StateScaledDown}
}

// StateOf returns the state of an NpuDeploy, and the message of its condition Ready, which is
// that of the most severe condition. The message is empty for StateReady and StateScaledDown,
// and before the first evaluation.
func StateOf(deploy *v1.NpuDeploy) (state State, message string) {
	ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
	switch {
	case ready == nil:
		return StatePending, ""
	case ready.Status == metav1.ConditionTrue && ready.Reason == v1.ReasonScaledToZero:
		return StateScaledDown, ""
	case ready.Status == metav1.ConditionTrue:
		return StateReady, ""
	}
	state = stateOfReason(ready.Reason)
	if deploy.Status.ReadyReplicas > 0 && state != StateStarting {
		state = StateDegraded
	}
	return state, ready.Message
}

// Cause returns the condition that Ready has its reason from, or Ready itself if none has that
// reason, as during a deletion. It is nil if Ready is True, and before the first evaluation.
func Cause(deploy *v1.NpuDeploy) *metav1.Condition {
	ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return nil
	}
	for _, name := range []string{v1.ConditionRendered, v1.ConditionApplied, v1.ConditionAvailable, v1.ConditionEndpoint} {
		part := meta.FindStatusCondition(deploy.Status.Conditions, name)
		if part != nil && part.Status == ready.Status && part.Reason == ready.Reason {
			return part
		}
	}
	return ready
}

// AwaitsControllers reports whether only Kubernetes' controllers have something to do, which no user can hasten: to
// observe a change, to create pods, or to count those that are ready. No pod is on its way to be ready, or fails.
func AwaitsControllers(status *v1.NpuDeployStatus) bool {
	ready := meta.FindStatusCondition(status.Conditions, v1.ConditionReady)
	return ready != nil && ready.Reason == v1.ReasonProgressing && status.ReadyReplicas == status.Replicas
}

func stateOfReason(reason string) State {
	switch reason {
	case v1.ReasonNoFreeDevice, v1.ReasonUnschedulable, v1.ReasonQuotaExceeded, v1.ReasonQueued, v1.ReasonNotObserved:
		return StatePending
	case v1.ReasonNotRendered, v1.ReasonNotApplied, v1.ReasonStarting, v1.ReasonProgressing,
		v1.ReasonRoutePending, v1.ReasonPickerNotReady, v1.ReasonTerminating:
		return StateStarting
	}
	return StateError
}
