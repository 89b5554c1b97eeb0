package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Transition is one condition that turned.
type Transition struct {
	Type string
	// From is Unknown for a condition that was not there.
	From, To        metav1.ConditionStatus
	Reason, Message string
}

// Transitions returns the conditions of the new list that turned: by their status
// or their reason, and Ready, which repeats a reason of the others, by its status
// alone. A message that changes is no transition.
func Transitions(before, after []metav1.Condition) []Transition {
	var turned []Transition
	for _, condition := range after {
		from, reason := metav1.ConditionUnknown, ""
		if old := meta.FindStatusCondition(before, condition.Type); old != nil {
			from, reason = old.Status, old.Reason
		}
		sameReason := reason == condition.Reason || condition.Type == v1.ConditionReady
		if from == condition.Status && sameReason {
			continue
		}
		turned = append(turned, Transition{
			Type: condition.Type, From: from, To: condition.Status,
			Reason: condition.Reason, Message: condition.Message,
		})
	}
	return turned
}
