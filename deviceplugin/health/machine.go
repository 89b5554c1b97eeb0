package health

import "time"

// Policy is how much evidence a change of state takes.
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

// Next is the status after an observation. An observation without data changes
// nothing but, in time, the name of the state.
func (p Policy) Next(s Status, o Observation, now time.Time) Status {
	switch o.Verdict {
	case Gone:
		return s.see(o, now).enter(Unhealthy, o.Reason, now)
	case Missing:
		return p.withoutData(s, o, now)
	case Good, Bad:
		return p.withData(s.see(o, now), o, now)
	}
	return s
}

func (p Policy) withData(s Status, o Observation, now time.Time) Status {
	bad := o.Verdict == Bad
	switch {
	case s.State == Unknown && !bad:
		return s.enter(Healthy, o.Reason, now)
	case s.State == Unknown, s.State == Healthy && bad:
		return p.suspect(s.enter(Suspect, o.Reason, now), o, now)
	case s.State == Suspect:
		return p.suspect(s, o, now)
	case s.State == Unhealthy && !bad:
		return p.recover(s.enter(Recovering, o.Reason, now), o, now)
	case s.State == Recovering && bad:
		return s.enter(Unhealthy, o.Reason, now)
	case s.State == Recovering:
		return p.recover(s, o, now)
	}
	return s.because(o.Reason)
}

// suspect weighs a suspect device: enough bad probes condemn it, a window without
// any clears it.
func (p Policy) suspect(s Status, o Observation, now time.Time) Status {
	switch {
	case o.Verdict == Bad && s.window.failed(p.Of) >= p.Bad && now.Sub(s.Since) >= p.FailDwell:
		return s.enter(Unhealthy, o.Reason, now)
	case s.window.passed(p.Of):
		return s.enter(Healthy, o.Reason, now)
	case o.Verdict == Bad:
		return s.because(o.Reason)
	}
	return s // a good probe does not explain the suspicion
}

func (p Policy) recover(s Status, o Observation, now time.Time) Status {
	if s.window.passed(p.Good) && now.Sub(s.Since) >= p.RecoverDwell {
		return s.enter(Healthy, o.Reason, now)
	}
	return s
}

// withoutData lets a device that was in use go to Unknown once it has been silent
// for long. One that was taken away stays what it is: silence is no recovery.
func (p Policy) withoutData(s Status, o Observation, now time.Time) Status {
	switch s.State {
	case Unknown:
		return s.because(o.Reason)
	case Healthy, Suspect:
		if now.Sub(s.Seen) >= p.StaleAfter {
			return s.enter(Unknown, o.Reason, now)
		}
	case Unhealthy, Recovering:
	}
	return s
}

// see remembers an observation that had data.
func (s Status) see(o Observation, now time.Time) Status {
	s.Seen = now
	s.window = s.window.push(o.Verdict != Good)
	return s
}

// enter moves to a state. What was seen before Unknown and Recovering does not count
// after them.
func (s Status) enter(state State, reason Reason, now time.Time) Status {
	if s.State == state {
		return s.because(reason)
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

// because keeps the reason up to date by its code, so that a wandering number in its
// message is not news.
func (s Status) because(reason Reason) Status {
	if s.Reason.Code != reason.Code {
		s.Reason = reason
	}
	return s
}
