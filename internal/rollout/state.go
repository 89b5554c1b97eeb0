package rollout

import (
	"time"

	v1 "github.com/dudaji/nufi/schemas/v1"

	"github.com/dudaji/nufi/internal/render"
)

// Deploy is an NpuDeploy with automatic updates, or one whose manual update is overdue.
type Deploy struct {
	Namespace, Name string
	Labels          map[string]string
	ProjectLabels   map[string]string

	// Templates is the assigned set, Earlier the set to return to if the rollout's set fails, or "", and Applied the
	// set that rendered its manifests.
	Templates, Earlier, Applied string
	// Effect is the effect of the rollout's set, compared with Templates.
	Effect render.Effect
	// Assignment is the last assignment, or nil.
	Assignment *v1.RolloutAssignment
	// Overdue is the set that an overdue manual update requests, or None. It is empty if updates are automatic.
	Overdue string

	// Ready and Available are its conditions, and Manifests the condition Rendered or, if that is True, Applied.
	Ready, Available, Manifests Condition

	// Devices are the devices of its pods. nil means that they need none.
	Devices *Devices
}

// Condition is a condition of an NpuDeploy. Its zero value is one that is absent.
type Condition struct {
	IsTrue bool
	Reason string
	Since  time.Time
}

// serves reports whether all pods of an NpuDeploy serve. They may although it is not Ready, for example while the controller
// of its route is not running.
func (d Deploy) serves() bool { return d.Ready.IsTrue || d.Available.IsTrue }

// mark is the condition that tells whether an NpuDeploy serves as it does now after an update: Ready or, if only that
// is True, Available.
func (d Deploy) mark() v1.FollowedCondition {
	if !d.Ready.IsTrue && d.Available.IsTrue {
		return v1.ConditionAvailable
	}
	return v1.ConditionReady
}

func (d Deploy) condition(kind v1.FollowedCondition) Condition {
	if kind == v1.ConditionAvailable {
		return d.Available
	}
	return d.Ready
}

// state is the state of an NpuDeploy in a rollout.
type state int

const (
	unaffected state = iota // its manifests are the same
	refused                 // it would not render
	candidate               // it has not been assigned the set
	updating                // it is not healthy yet
	healthy                 // it has been Ready for as long as policy requires
	failed                  // it failed with the set
	reverting               // it returns to the earlier set
	reverted                // it has returned
)

type member struct {
	Deploy

	state state
	// followed is the kind of the condition that the rollout follows, and health the condition.
	followed v1.FollowedCondition
	health   Condition
	// isLeftDown is set if an earlier rollout made a candidate unavailable.
	isLeftDown bool
	// next is the assignment to record, or nil.
	next *v1.RolloutAssignment
}

// assigned returns the assignment by this rollout, or nil.
func (m *member) assigned() *v1.RolloutAssignment {
	if m.next != nil {
		return m.next
	}
	return m.Assignment
}

// isOnTarget reports whether the rollout's set is assigned.
func (m *member) isOnTarget() bool {
	return m.state == updating || m.state == healthy || m.state == failed
}

// isDisrupted reports whether an NpuDeploy was Ready, and is unavailable because of this rollout or an earlier one.
func (m *member) isDisrupted() bool {
	if m.isLeftDown {
		return m.next == nil || m.next.Wave != inPlace
	}
	if m.state != updating && m.state != reverting {
		return false
	}
	a := m.assigned()
	return a.WasReady && a.Wave != inPlace && (m.next != nil || !m.health.IsTrue || m.Applied != a.Templates)
}

// classify returns an NpuDeploy with its state. A failure that is not recorded yet is in next.
func (e *evaluation) classify(d Deploy) *member {
	m := &member{Deploy: d}
	m.follow(d.mark())
	a := d.Assignment
	if a == nil || a.Name != e.rollout.Name {
		m.Assignment = nil
		m.state = candidateState(d.Effect)
		if m.isLeftDown = m.state == candidate && e.isLeftDown(d); m.isLeftDown {
			m.follow(a.Follows)
		}
		return m
	}
	isRetried := a.Retries < e.status.Retries && (a.Failed != "" || a.Templates != e.target)
	if isRetried && a.Templates != e.target {
		m.state = candidateState(d.Effect)
		return m
	}
	m.follow(a.Follows)
	if m.hasInvalidChange() {
		m.follow(v1.ConditionAvailable)
	}
	e.classifyAssigned(m, isRetried)
	return m
}

// classifyAssigned sets the state of an NpuDeploy to which this rollout has assigned a set.
func (e *evaluation) classifyAssigned(m *member, isRetried bool) {
	switch {
	case m.Assignment.Templates != e.target:
		m.state = m.returnState()
	case isRetried:
		m.next, m.state = e.retry(m.Assignment), updating
	default:
		m.state = e.progress(m)
		e.recordFailure(m)
	}
}

func (m *member) follow(kind v1.FollowedCondition) { m.followed, m.health = kind, m.condition(kind) }

// minOutage is the minimum time for which an NpuDeploy that returned to an earlier set counts as unavailable because of that.
const minOutage = time.Minute

// isLeftDown reports whether an NpuDeploy that was Ready has been unavailable since an earlier rollout assigned
// its templates: the rollout was superseded before its wave or its revert ended, or it stopped without a revert.
func (e *evaluation) isLeftDown(d Deploy) bool {
	a := d.Assignment
	if a == nil || !a.WasReady {
		return false
	}
	health := d.condition(a.Follows)
	if (health.IsTrue || d.Available.IsTrue) && d.Applied == a.Templates {
		return false
	}
	earlier := e.input.Earlier[a.Name]
	if earlier == nil || IsComplete(earlier) {
		return false
	}
	isOnItsSet := a.Templates == earlier.Spec.Templates
	if isOnItsSet {
		return a.Failed != "" || a.Wave >= earlier.Status.Wave
	}
	mayTake := max(minOutage, seconds(e.policy.DeadlineSeconds))
	return d.Applied != a.Templates || health.Since.Before(a.Since.Add(mayTake))
}

// recordFailure ends an update that has failed.
func (e *evaluation) recordFailure(m *member) {
	if m.state != updating || e.isComplete() {
		return
	}
	if failure := e.failure(m); failure != "" {
		m.next = m.Assignment.DeepCopy()
		m.next.Failed, m.state = failure, failed
	}
}

// returnState returns the state of an NpuDeploy that was assigned its earlier set again.
func (m *member) returnState() state {
	if a := m.Assignment; m.Applied != a.Templates || a.WasReady && !m.health.IsTrue {
		return reverting
	}
	return reverted
}

func candidateState(effect render.Effect) state {
	switch effect {
	case render.None:
		return unaffected
	case render.Refused:
		return refused
	case render.InPlace, render.Restart, render.Delete:
	}
	return candidate
}

// retry returns the assignment without its failure.
func (e *evaluation) retry(a *v1.RolloutAssignment) *v1.RolloutAssignment {
	next := a.DeepCopy()
	next.Failed, next.Retries, next.Since = "", e.status.Retries, e.now()
	return next
}

// progress returns the state of an NpuDeploy on the rollout's set.
func (e *evaluation) progress(m *member) state {
	switch {
	case m.Assignment.Failed != "":
		return failed
	case !m.health.IsTrue || m.Applied != e.target || m.isRejected():
		return updating
	}
	until := later(m.Assignment.Since.Time, m.health.Since).Add(seconds(e.policy.HealthySeconds))
	if e.input.Now.Before(until) {
		e.wake(until)
		return updating
	}
	return healthy
}

// failure returns the reason that an NpuDeploy has failed, or "". One that was not Ready before cannot
// fail.
func (e *evaluation) failure(m *member) string {
	health := m.health
	if m.isRejected() {
		health = m.Manifests
	}
	if !m.Assignment.WasReady || health.IsTrue && m.Applied == e.target {
		return ""
	}
	if !health.IsTrue && (isRenderError(health.Reason) || m.Applied == e.target && !isTransient(health.Reason)) {
		return health.Reason
	}
	if e.policy.DeadlineSeconds == 0 {
		return ""
	}
	deadline := later(m.Assignment.Since.Time, health.Since).Add(seconds(e.policy.DeadlineSeconds))
	if e.input.Now.Before(deadline) {
		e.wake(deadline)
		return ""
	}
	return v1.ReasonDeadlineExceeded
}

// isRejected reports whether the manifests cannot be rendered or applied since the assignment. Available may be True
// nevertheless: it then describes the pods of the earlier set.
func (m *member) isRejected() bool {
	return m.followed == v1.ConditionAvailable && !m.hasInvalidChange() &&
		!m.Manifests.IsTrue && !m.Manifests.Since.Before(m.Assignment.Since.Time)
}

// hasInvalidChange reports whether the assigned set rendered the spec, which a user then changed so that it does not render.
// The set has not failed: Available describes its pods.
func (m *member) hasInvalidChange() bool {
	return m.Applied == m.Assignment.Templates && m.Manifests.Reason == v1.ReasonInvalidSpec
}

func isRenderError(reason string) bool {
	return reason == v1.ReasonInvalidSpec || reason == v1.ReasonInvalidTemplate || reason == v1.ReasonTemplatesUnusable
}

// isTransient reports whether a reason of Ready may pass without another set of templates.
func isTransient(reason string) bool {
	switch reason {
	case v1.ReasonRejected, v1.ReasonImmutable, v1.ReasonConflict, v1.ReasonKindNotInstalled,
		v1.ReasonKindNotAllowed, v1.ReasonRouteNotAccepted, v1.ReasonPickerFailed,
		v1.ReasonHostNotAllowed, v1.ReasonHostTaken:
		return false
	}
	return !v1.IsPodFailure(reason)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
