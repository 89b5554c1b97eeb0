package dashboard

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// state is how a deployment is, in one word. Its value is the suffix of its key in words.
type state = status.State

// progress is how far a stage is. Its value is the suffix of its key in words.
type progress string

const (
	progressDone    progress = "Done"
	progressCurrent progress = "Current" // in progress, or waiting
	progressFailed  progress = "Failed"
	progressAhead   progress = "Ahead"
)

// stage is a step from the spec to a server that can be reached.
type stage struct {
	Name     string
	Progress progress
	Since    time.Time // of the condition that decides it; zero if none has its time
}

// stageNames returns all stages in their order. Those between Applied and Reachable are parts of
// the condition Available.
func stageNames() []string {
	return []string{"Rendered", "Applied", "Scheduled", "Pulled", "Started", "Ready", "Reachable"}
}

// holdUp is the stage at which a deployment stops, and why.
type holdUp struct {
	Stage, Reason, Message string
	Progress               progress
}

// stagesOf derives the stages from the conditions. The hold-up is nil for a deployment that is
// ready.
func stagesOf(deploy *v1.NpuDeploy) ([]stage, *holdUp) {
	conditions := deploy.Status.Conditions
	stopped := stoppedAt(conditions)
	result := make([]stage, 0, len(stageNames()))
	for _, name := range stageNames() {
		current := stage{Name: name, Progress: progressDone}
		condition := meta.FindStatusCondition(conditions, conditionOf(name))
		switch {
		case stopped != nil && stopped.Stage == name:
			current.Progress = stopped.Progress
		case isAfter(name, stopped), condition == nil:
			current.Progress = progressAhead
		}
		// The time of Available is that of the stage where it stops, or of its last one.
		isPart := conditionOf(name) == v1.ConditionAvailable
		if condition != nil && current.Progress != progressAhead && (!isPart || name == "Ready" || stopped != nil && stopped.Stage == name) {
			current.Since = condition.LastTransitionTime.Time
		}
		result = append(result, current)
	}
	return result, stopped
}

// stoppedAt returns the first stage that is not done.
func stoppedAt(conditions []metav1.Condition) *holdUp {
	condition := firstNotTrue(conditions)
	if condition == nil {
		if meta.IsStatusConditionTrue(conditions, v1.ConditionReady) {
			return nil
		}
		return &holdUp{Stage: stageNames()[0], Reason: v1.ReasonNotObserved, Progress: progressCurrent}
	}
	stopped := &holdUp{Reason: condition.Reason, Message: condition.Message, Progress: progressFailed}
	if isWaiting(condition.Reason) {
		stopped.Progress = progressCurrent
	}
	switch condition.Type {
	case v1.ConditionRendered:
		stopped.Stage = "Rendered"
	case v1.ConditionApplied:
		stopped.Stage = "Applied"
	case v1.ConditionEndpoint:
		stopped.Stage = "Reachable"
	default:
		stopped.Stage = stageOfReason(condition.Reason)
	}
	return stopped
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

// isWaiting reports whether a reason can end without a change of the spec.
func isWaiting(reason string) bool {
	state := stateOfReason(reason)
	return state == status.StatePending || state == status.StateStarting
}

// stateOfReason returns the state of a pod, or a deployment, that is not ready for a reason.
func stateOfReason(reason string) state {
	notReady := []metav1.Condition{{Type: v1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason}}
	result, _ := status.StateOf(&v1.NpuDeploy{Status: v1.NpuDeployStatus{Conditions: notReady}})
	return result
}

// stageOfReason returns the stage at which a reason of Available stops a pod.
func stageOfReason(reason string) string {
	switch reason {
	case v1.ReasonImagePull:
		return "Pulled"
	case v1.ReasonContainerConfig, v1.ReasonCrashLoop, v1.ReasonOutOfMemory:
		return "Started"
	case v1.ReasonStarting, v1.ReasonProbeFailing, v1.ReasonTerminating:
		return "Ready"
	}
	return "Scheduled"
}

// conditionOf returns the condition that a stage is a part of.
func conditionOf(stage string) string {
	switch stage {
	case "Rendered":
		return v1.ConditionRendered
	case "Applied":
		return v1.ConditionApplied
	case "Reachable":
		return v1.ConditionEndpoint
	}
	return v1.ConditionAvailable
}

// isAfter reports whether a stage follows the one that is stopped.
func isAfter(name string, stopped *holdUp) bool {
	return stopped != nil && slices.Index(stageNames(), name) > slices.Index(stageNames(), stopped.Stage)
}
