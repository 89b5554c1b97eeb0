package status

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/message"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxMessage bounds a condition's message, in bytes.
const maxMessage = 1024

// result is a condition without its type, time and generation.
type result struct {
	status          metav1.ConditionStatus
	reason, message string
}

func (r result) isFalse() bool   { return r.status == metav1.ConditionFalse }
func (r result) isUnknown() bool { return r.status == metav1.ConditionUnknown }

// isError reports whether the result is False for a reason that is not transient.
func (r result) isError() bool {
	switch r.reason {
	case v1.ReasonNotRendered, v1.ReasonNotApplied, v1.ReasonStarting,
		v1.ReasonProgressing, v1.ReasonRoutePending, v1.ReasonPickerNotReady:
		return false
	}
	return r.isFalse()
}

// results evaluates Rendered and Applied.
func (s Outcomes) results() (rendered, applied result) {
	rendered = s.Render.result(v1.ReasonRendered, "the spec and the templates render to manifests")
	if rendered.isFalse() {
		return rendered, result{
			metav1.ConditionFalse, v1.ReasonNotRendered,
			"this generation was not applied; the objects of the one before stay in place",
		}
	}
	text := "all manifests are in place"
	if s.Apply.Message != "" {
		text += "; " + s.Apply.Message
	}
	return rendered, s.Apply.result(v1.ReasonApplied, text)
}

func (o Outcome) result(success, text string) result {
	switch o.Reason {
	case "":
		return result{metav1.ConditionUnknown, v1.ReasonNotObserved, "not observed yet"}
	case success:
		return result{metav1.ConditionTrue, success, text}
	}
	return result{metav1.ConditionFalse, o.Reason, o.Message}
}

// ready is the most severe of the parts that are not True, or True with the text.
func ready(text string, parts ...result) result {
	for _, is := range []func(result) bool{result.isError, result.isFalse, result.isUnknown} {
		if i := slices.IndexFunc(parts, is); i >= 0 {
			return parts[i]
		}
	}
	summary := result{metav1.ConditionTrue, v1.ReasonReady, text}
	if slices.ContainsFunc(parts, func(part result) bool { return part.reason == v1.ReasonScaledToZero }) {
		summary.reason = v1.ReasonScaledToZero
	}
	return summary
}

// conditions writes the conditions of one generation into a list. The first one that is
// set is the first one that a user reads.
type conditions struct {
	list       *[]metav1.Condition
	generation int64
	now        time.Time
}

func newConditions(list *[]metav1.Condition, generation int64, now time.Time) conditions {
	return conditions{list, generation, now}
}

func (c conditions) set(kind string, r result) { c.setOf(c.generation, kind, r) }

func (c conditions) setOf(generation int64, kind string, r result) {
	meta.SetStatusCondition(c.list, metav1.Condition{
		Type: kind, Status: r.status, Reason: r.reason, Message: message.Line(r.message, maxMessage),
		ObservedGeneration: generation,
		// With the API server's precision, so that what is written equals what is read.
		LastTransitionTime: metav1.NewTime(c.now).Rfc3339Copy(),
	})
}

func (c conditions) setOutcomes(rendered, applied result) {
	c.set(v1.ConditionRendered, rendered)
	c.set(v1.ConditionApplied, applied)
}

// setStalled sets condition Stalled for errors that only a change of the spec can resolve.
func (c conditions) setStalled(parts ...result) {
	for _, part := range parts {
		if part.reason == v1.ReasonInvalidSpec || part.reason == v1.ReasonImmutable {
			c.set(v1.ConditionStalled, result{metav1.ConditionTrue, part.reason, part.message})
			return
		}
	}
	removeCondition(c.list, v1.ConditionStalled)
}

// removeCondition is meta.RemoveStatusCondition, which copies the conditions even if none is removed.
func removeCondition(list *[]metav1.Condition, conditionType string) {
	if meta.FindStatusCondition(*list, conditionType) != nil {
		meta.RemoveStatusCondition(list, conditionType)
	}
}

// Transition is a change of one condition.
type Transition struct {
	Type string
	// From is Unknown for a condition that is new.
	From, To        metav1.ConditionStatus
	Reason, Message string
}

// Transitions returns the conditions whose status or reason changed. Ready repeats the
// reason of another condition, so that only its status counts.
func Transitions(before, after []metav1.Condition) []Transition {
	var transitions []Transition
	for _, condition := range after {
		from, reason := metav1.ConditionUnknown, ""
		if old := meta.FindStatusCondition(before, condition.Type); old != nil {
			from, reason = old.Status, old.Reason
		}
		sameReason := reason == condition.Reason || condition.Type == v1.ConditionReady
		if from == condition.Status && sameReason {
			continue
		}
		transitions = append(transitions, Transition{
			Type: condition.Type, From: from, To: condition.Status,
			Reason: condition.Reason, Message: condition.Message,
		})
	}
	return transitions
}
