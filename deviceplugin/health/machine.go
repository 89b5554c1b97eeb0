package health

import "time"

// Policy configures how many results a change of state takes.
type Policy struct {
	// Bad probes of the last Of, and FailDwell in Suspect, make a device Unhealthy.
	Bad, Of   int
	FailDwell time.Duration
	// Good probes in a row, and RecoverDwell in Recovering, make it Healthy again.
	Good         int
	RecoverDwell time.Duration
	// StaleAfter is how long a device may give no data before it is Unknown.
	StaleAfter time.Duration
}

// Next returns the status after an observation. An observation without data changes only
// the state, to Unknown, after StaleAfter.
func (p Policy) Next(s Status, o Observation, now time.Time) Status {
	switch o.Result {
	case Absent:
		return s.record(o, now).transition(Unhealthy, o.Reason, now)
	case NoData:
		return p.withoutData(s, o, now)
	case Good, Bad:
		return p.withData(s.record(o, now), o, now)
	}
	return s
}

func (p Policy) withData(s Status, o Observation, now time.Time) Status {
	bad := o.Result == Bad
	switch {
	case s.State == Unknown && !bad:
		return s.transition(Healthy, o.Reason, now)
	case s.State == Unknown, s.State == Healthy && bad:
		return p.evaluateSuspect(s.transition(Suspect, o.Reason, now), o, now)
	case s.State == Suspect:
		return p.evaluateSuspect(s, o, now)
	case s.State == Unhealthy && !bad:
		return p.evaluateRecovering(s.transition(Recovering, o.Reason, now), o, now)
	case s.State == Recovering && bad:
		return s.transition(Unhealthy, o.Reason, now)
	case s.State == Recovering:
		return p.evaluateRecovering(s, o, now)
	}
	return s.withReason(o.Reason)
}

// evaluateSuspect moves a suspect device to Unhealthy after enough bad probes, and to
// Healthy after a window without any.
func (p Policy) evaluateSuspect(s Status, o Observation, now time.Time) Status {
	switch {
	case o.Result == Bad && s.window.failed(p.Of) >= p.Bad && now.Sub(s.Since) >= p.FailDwell:
		return s.transition(Unhealthy, o.Reason, now)
	case s.window.passed(p.Of):
		return s.transition(Healthy, o.Reason, now)
	case o.Result == Bad:
		return s.withReason(o.Reason)
	}
	return s // a good probe does not replace the reason
}

func (p Policy) evaluateRecovering(s Status, o Observation, now time.Time) Status {
	if s.window.passed(p.Good) && now.Sub(s.Since) >= p.RecoverDwell {
		return s.transition(Healthy, o.Reason, now)
	}
	return s
}

// withoutData moves an offered device to Unknown after StaleAfter. An unhealthy one keeps
// its state.
func (p Policy) withoutData(s Status, o Observation, now time.Time) Status {
	switch s.State {
	case Unknown:
		return s.withReason(o.Reason)
	case Healthy, Suspect:
		if now.Sub(s.LastData) >= p.StaleAfter {
			return s.transition(Unknown, o.Reason, now)
		}
	case Unhealthy, Recovering:
	}
	return s
}

// record adds an observation with data to the window.
func (s Status) record(o Observation, now time.Time) Status {
	s.LastData = now
	s.window = s.window.push(o.Result != Good)
	return s
}

// transition moves to a state. Unknown and Recovering start with a new window.
func (s Status) transition(state State, reason Reason, now time.Time) Status {
	if s.State == state {
		return s.withReason(reason)
	}
	s.State, s.Reason, s.Since = state, reason, now
	switch state {
	case Healthy:
		s.Offered = true
	case Unhealthy:
		s.Offered = false
	case Unknown:
		s.window = window{}
	case Recovering:
		s.window = window{length: 1} // the good probe that led here
	case Suspect:
	}
	return s
}

// withReason replaces the reason if its code differs, so that a changing number in its
// message is not an update.
func (s Status) withReason(reason Reason) Status {
	if s.Reason.Code != reason.Code {
		s.Reason = reason
	}
	return s
}
