package rollout

import (
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Request is what an operator requests of a rollout.
type Request string

// The requests.
const (
	Pause  Request = "pause"
	Resume Request = "resume"
	Retry  Request = "retry"
	Abort  Request = "abort"
)

// Requests returns all requests.
func Requests() []Request { return []Request{Pause, Resume, Retry, Abort} }

// ErrNotApplicable means that a rollout is not in a state for the request.
var ErrNotApplicable = errors.New("not possible now")

// Done describes the result of the request.
func (r Request) Done() string {
	return map[Request]string{Pause: "paused", Resume: "resumed", Retry: "is retried", Abort: "aborted"}[r]
}

// Summary describes the request.
func (r Request) Summary() string {
	return map[Request]string{
		Pause:  "Assign the templates of a rollout to no further NpuDeploy",
		Resume: "Continue a paused rollout of templates",
		Retry:  "Continue a halted rollout of templates at the wave that failed",
		Abort:  "End a rollout of templates as a failure does",
	}[r]
}

// Patch returns the merge patch of the request. It applies only to the version of the rollout that
// was read, if the request depends on it.
func (r Request) Patch(rollout *v1.TemplateRollout) ([]byte, error) {
	var spec map[string]any
	metadata := map[string]any{}
	switch {
	case HasEnded(rollout) && r != Retry:
		return nil, fmt.Errorf("%w: the rollout has ended (%s)", ErrNotApplicable, StateOf(rollout))
	case r == Pause:
		spec = map[string]any{"paused": true}
	case r == Resume:
		spec = map[string]any{"paused": false}
	case r == Abort:
		spec = map[string]any{"aborted": true}
	case rollout.Spec.Aborted || !isTrue(rollout, v1.ConditionHalted):
		return nil, fmt.Errorf("%w: only a rollout that failed can be retried", ErrNotApplicable)
	case isSuperseded(rollout):
		return nil, fmt.Errorf("%w: other templates serve", ErrNotApplicable)
	default:
		spec = map[string]any{"retries": rollout.Status.Retries + 1}
		metadata["resourceVersion"] = rollout.ResourceVersion
	}
	return json.Marshal(map[string]any{"metadata": metadata, "spec": spec})
}

// StateOf returns the state of a rollout in one word: Complete, Halted, or the reason of Progressing.
func StateOf(rollout *v1.TemplateRollout) string {
	switch condition := meta.FindStatusCondition(rollout.Status.Conditions, v1.ConditionProgressing); {
	case IsComplete(rollout):
		return v1.ConditionComplete
	case isTrue(rollout, v1.ConditionHalted) && (condition == nil || condition.Reason == v1.ReasonStopped || isSuperseded(rollout)):
		return v1.ConditionHalted
	case condition == nil:
		return v1.ReasonNotObserved
	default:
		return condition.Reason
	}
}

// MessageOf returns the message of the condition that StateOf describes.
func MessageOf(rollout *v1.TemplateRollout) string {
	kind := v1.ConditionProgressing
	if state := StateOf(rollout); state == v1.ConditionComplete || state == v1.ConditionHalted {
		kind = state
	}
	if condition := meta.FindStatusCondition(rollout.Status.Conditions, kind); condition != nil {
		return condition.Message
	}
	return ""
}

// isSuperseded reports whether other templates serve.
func isSuperseded(rollout *v1.TemplateRollout) bool {
	condition := meta.FindStatusCondition(rollout.Status.Conditions, v1.ConditionProgressing)
	return condition != nil && condition.Reason == v1.ReasonSuperseded
}

// IsComplete reports whether all waves have ended.
func IsComplete(rollout *v1.TemplateRollout) bool { return isTrue(rollout, v1.ConditionComplete) }

// HasEnded reports whether a rollout is complete, halted, superseded or ignored, and nothing is reverted any
// more, as observed after the last request.
func HasEnded(rollout *v1.TemplateRollout) bool {
	if rollout.Status.ObservedGeneration < rollout.Generation {
		return false
	}
	state := StateOf(rollout)
	return state == v1.ConditionComplete || state == v1.ConditionHalted || state == v1.ReasonSuperseded || state == v1.ReasonIgnored
}

func isTrue(rollout *v1.TemplateRollout, condition string) bool {
	return meta.IsStatusConditionTrue(rollout.Status.Conditions, condition)
}
