package dashboard

import (
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

// stagesOf derives the stages from the conditions. The hold-up is the stage of the condition that
// decides the state; it is nil for a deployment that is ready.
func stagesOf(deploy *v1.NpuDeploy) ([]stage, *holdUp) {
	stopped := stoppedAt(deploy)
	result, isBlocked := make([]stage, 0, len(stageNames())), false
	for _, name := range stageNames() {
		condition := meta.FindStatusCondition(deploy.Status.Conditions, conditionOf(name))
		stopsHere := condition != nil && condition.Status != metav1.ConditionTrue && !isConsequence(condition.Reason) && stageOf(condition) == name
		current := stage{Name: name, Progress: progressDone}
		switch {
		case stopped != nil && stopped.Stage == name:
			current.Progress = stopped.Progress
		case stopsHere:
			current.Progress = progressOf(condition.Reason)
		case isBlocked, condition == nil:
			current.Progress = progressAhead
		}
		if current.Progress != progressAhead && hasTime(name, condition, stopsHere) {
			current.Since = condition.LastTransitionTime.Time
		}
		isBlocked = isBlocked || current.Progress != progressDone
		result = append(result, current)
	}
	return result, stopped
}

// addTimes sets the times of the stages that all pods have passed, as far as the pods have them: the last time
// at which one of them was scheduled, and at which an image of their containers was pulled, and one started.
func addTimes(stages []stage, pods []pod) {
	latest := map[string]time.Time{}
	for i := range pods {
		if pods[i].Deleting || pods[i].Role == status.RolePicker {
			continue
		}
		latest["Scheduled"] = later(latest["Scheduled"], pods[i].Scheduled)
		for _, container := range pods[i].Containers {
			latest["Pulled"] = later(latest["Pulled"], container.Pulled)
			latest["Started"] = later(latest["Started"], container.Started)
		}
	}
	for i := range stages {
		if current := &stages[i]; current.Progress == progressDone && current.Since.IsZero() {
			current.Since = latest[current.Name]
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// hasTime reports whether the time of a condition is that of the stage. The time of Available is that
// of the stage where it stops, or of its last one.
func hasTime(stage string, condition *metav1.Condition, stopsHere bool) bool {
	return condition != nil && (condition.Type != v1.ConditionAvailable || stage == "Ready" || stopsHere)
}

// stoppedAt returns the stage of the condition that decides the state.
func stoppedAt(deploy *v1.NpuDeploy) *holdUp {
	if cause := status.Cause(deploy); cause != nil {
		return &holdUp{Stage: stageOf(cause), Reason: cause.Reason, Message: cause.Message, Progress: progressOf(cause.Reason)}
	}
	if meta.IsStatusConditionTrue(deploy.Status.Conditions, v1.ConditionReady) {
		return nil
	}
	return &holdUp{Stage: stageNames()[0], Reason: v1.ReasonNotObserved, Progress: progressCurrent}
}

// stageOf returns the stage that a condition that is not True stops at.
func stageOf(condition *metav1.Condition) string {
	switch condition.Type {
	case v1.ConditionRendered:
		return "Rendered"
	case v1.ConditionApplied:
		return "Applied"
	case v1.ConditionEndpoint:
		return "Reachable"
	}
	return stageOfReason(condition.Reason)
}

// isConsequence reports whether a condition only has a reason because an earlier stage stops.
func isConsequence(reason string) bool {
	return reason == v1.ReasonNotRendered || reason == v1.ReasonNotApplied
}

// progressOf returns the progress of a stage that stops for a reason.
func progressOf(reason string) progress {
	if isWaiting(reason) {
		return progressCurrent
	}
	return progressFailed
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

// otherTypes returns the conditions that no stage depends on, and that only some deployments have.
func otherTypes() []string {
	return []string{v1.ConditionUpdateAvailable, v1.ConditionScaling, v1.ConditionPromoted}
}

// otherConditions returns the conditions of otherTypes that a deployment has.
func otherConditions(deploy *v1.NpuDeploy) []metav1.Condition {
	var present []metav1.Condition
	for _, name := range otherTypes() {
		if condition := meta.FindStatusCondition(deploy.Status.Conditions, name); condition != nil {
			present = append(present, *condition)
		}
	}
	return present
}
