package rollout

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// advance ends waves whose NpuDeploys are healthy, and assigns the set to the next ones.
func (e *evaluation) advance() {
	e.set(v1.ConditionHalted, metav1.ConditionFalse, v1.ReasonNoFailure, "")
	reason, message := e.blocked()
	lacking := ""
	if reason == "" {
		lacking = e.assign()
	}
	for int(e.status.Wave) < len(e.waves) && !e.isOpen(int(e.status.Wave)) {
		e.status.Wave++
		if reason == "" {
			lacking = e.assign()
		}
	}
	if e.isComplete() || int(e.status.Wave) == len(e.waves) {
		e.set(v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete, "all waves have ended")
		e.set(v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonAllUpdated, "all waves have ended")
		return
	}
	name := "wave " + e.waves[e.status.Wave].name
	e.set(v1.ConditionComplete, metav1.ConditionFalse, v1.ReasonIncomplete, name)
	switch {
	case reason == v1.ReasonPaused:
		e.set(v1.ConditionProgressing, metav1.ConditionFalse, reason, message)
	case reason != "":
		e.set(v1.ConditionProgressing, metav1.ConditionTrue, reason, message)
	case lacking != "" && !e.isWaiting():
		e.set(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonWaitingForDevices, lacking)
	default:
		e.set(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonUpdating, name)
	}
}

// blocked returns the reason that no NpuDeploy may be assigned the set now, or "".
func (e *evaluation) blocked() (reason, message string) {
	if e.rollout.Spec.Paused {
		return v1.ReasonPaused, "spec.paused is true"
	}
	if opening := nextOpening(e.policy.Windows, e.input.Now); e.input.Now.Before(opening) {
		e.wake(opening)
		return v1.ReasonWaitingForWindow, "the next window begins at " + opening.UTC().Format(time.RFC3339)
	}
	return "", ""
}

// isWaiting reports whether the rollout waits for any NpuDeploy.
func (e *evaluation) isWaiting() bool {
	return slices.ContainsFunc(e.members, func(m *member) bool { return m.state == updating && m.assigned().WasReady })
}

// isOpen reports whether a wave has NpuDeploys to assign or to wait for.
func (e *evaluation) isOpen(wave int) bool {
	if _, most := e.candidates(wave); most > 0 {
		return true
	}
	return slices.ContainsFunc(e.members, func(m *member) bool {
		a := m.assigned()
		return m.state == updating && a.WasReady && int(a.Wave) == wave
	})
}

// assign assigns the set to candidates of the current wave, and in place to all others. It describes
// what waits for devices.
func (e *evaluation) assign() string {
	current := min(int(e.status.Wave), len(e.waves)-1)
	waiting := ""
	for _, wave := range slices.Compact([]int{inPlace, current}) {
		candidates, most := e.candidates(wave)
		for _, m := range candidates {
			if most == 0 {
				break
			}
			if wave != inPlace && m.serves() && !m.isLeftDown {
				if e.budget.isSpent(m) {
					continue
				}
				if lacking := e.budget.devices.lacks(m); lacking != "" {
					waiting = lacking
					continue
				}
				e.budget.spend(m)
			}
			m.next = &v1.RolloutAssignment{
				Name: e.rollout.Name, Templates: e.target, From: m.Earlier, Wave: int32(wave), //nolint:gosec // There are few waves.
				Since: e.now(), WasReady: m.serves() || m.isLeftDown, Follows: m.followed, Retries: e.status.Retries, Overdue: m.Overdue,
			}
			m.state = updating
			most--
		}
	}
	return waiting
}
