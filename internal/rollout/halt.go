package rollout

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// halted returns the reason that the rollout is halted, or "".
func (e *evaluation) halted(isRetry bool) (reason, message string) {
	if e.rollout.Spec.Aborted {
		return v1.ReasonAborted, "spec.aborted is true"
	}
	for i := range e.waves {
		if failures := e.failuresOf(i); len(failures) > e.tolerance(i) && !e.isComplete() {
			first := failures[0]
			return v1.ReasonDeploysFailed, fmt.Sprintf("wave %s: %d failed, %d are tolerated; %s/%s: %s",
				e.waves[i].name, len(failures), e.tolerance(i), first.Namespace, first.Name, first.assigned().Failed)
		}
	}
	before := meta.FindStatusCondition(e.status.Conditions, v1.ConditionHalted)
	if before != nil && before.Status == metav1.ConditionTrue && !isRetry {
		return before.Reason, before.Message // The NpuDeploy that failed may have been deleted since.
	}
	return "", ""
}

// failuresOf returns the members of a wave that failed since the last retry.
func (e *evaluation) failuresOf(wave int) []*member {
	var failures []*member
	for _, m := range e.members {
		a := m.assigned()
		isOwn := m.state == failed || m.state == reverting || m.state == reverted
		if isOwn && a.Failed != "" && int(a.Wave) == wave && a.Retries == e.status.Retries {
			failures = append(failures, m)
		}
	}
	return failures
}

func (e *evaluation) tolerance(wave int) int {
	total := 0
	for _, m := range e.members {
		if a := m.assigned(); m.state >= updating && int(a.Wave) == wave {
			total++
		}
	}
	return scaled(e.policy.Tolerance, total)
}

// scaled returns a number, or the share of total, rounded down.
func scaled(share intstr.IntOrString, total int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(&share, total, false)
	if err != nil {
		return 0 // not possible: the schema of policy rejects such a value
	}
	return n
}

// stop ends the rollout, and reverts what policy reverts.
func (e *evaluation) stop(reason, message string) {
	if e.policy.OnFailure == render.OnFailureRevert {
		e.revert()
	}
	e.set(v1.ConditionHalted, metav1.ConditionTrue, reason, message)
	e.set(v1.ConditionComplete, metav1.ConditionFalse, v1.ReasonIncomplete, "the rollout is halted")
	if slices.ContainsFunc(e.members, func(m *member) bool { return m.state == reverting }) {
		e.set(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonReverting, "NpuDeploys return to their earlier templates")
		return
	}
	e.set(v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonStopped, "halted: "+message)
}

// revert assigns the earlier sets to the members of the failed waves: at once to those that do not serve, and to as
// many of the others as policy allows to be disrupted. Those whose earlier set is lost stay.
func (e *evaluation) revert() {
	waves := e.failedWaves()
	mayReturn := func(m *member) bool {
		return m.isOnTarget() && waves[int(m.assigned().Wave)] && m.assigned().From != ""
	}
	var serving []*member
	for _, m := range e.members {
		switch {
		case !mayReturn(m):
		case m.serves() && m.assigned().Wave != inPlace:
			serving = append(serving, m)
		default:
			if m.state == failed {
				e.budget.spend(m)
			}
			e.unassign(m)
		}
	}
	for _, m := range serving {
		if !e.budget.isSpent(m) {
			e.budget.spend(m)
			e.unassign(m)
		}
	}
}

// failedWaves has the current wave and those with more failures than policy tolerates.
func (e *evaluation) failedWaves() map[int]bool {
	waves := map[int]bool{int(e.status.Wave): true}
	for i := range e.waves {
		waves[i] = waves[i] || len(e.failuresOf(i)) > e.tolerance(i)
	}
	return waves
}

// unassign assigns the earlier set.
func (e *evaluation) unassign(m *member) {
	a := m.assigned()
	m.next = a.DeepCopy()
	m.next.Templates, m.next.From, m.next.Since = a.From, e.target, e.now()
	m.state = reverting
}
