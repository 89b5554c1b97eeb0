package status

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/message"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// MeasurePeriod is the time from one measurement of the backends to the next. measureJitter is by how much
// the times of two may differ from it.
const (
	MeasurePeriod = 30 * time.Second
	measureJitter = 2 * time.Second
)

// TrafficSteps are the steps of a spec, with policy's defaults. internal/render describes the fields.
type TrafficSteps struct {
	Backend            string
	Shares             []int32
	Seconds            int32
	MinRequests        int32
	MaxErrorPoints     int32
	MaxSlowdownPercent int32
}

// Measurement is what was measured of the backends of steps, or why nothing was.
type Measurement struct {
	// At has a precision of seconds, as a status has.
	At       time.Time
	Error    string
	Backends map[string]BackendMeasurement
}

// BackendMeasurement is what a backend did in the last five minutes.
type BackendMeasurement struct {
	Requests, Errors float64
	// FirstToken is the 95th percentile of the seconds to the first token. Nil means that there is none.
	FirstToken *float64
}

// setPromotion sets the progress of the steps and the condition Promoted, which are absent without steps.
func setPromotion(next *v1.NpuDeployStatus, conditions conditions, observed Observed, endpoint result) {
	if observed.Resolved == nil {
		return
	}
	steps := observed.Resolved.Steps
	if steps == nil {
		next.TrafficSteps = nil
		removeCondition(&next.Conditions, v1.ConditionPromoted)
		return
	}
	var promoted result
	next.TrafficSteps, promoted = promote(observed, endpoint)
	conditions.set(v1.ConditionPromoted, promoted)
}

// promote decides about the next share. The share in the status is the one that the route was rendered
// with; it changes by one step at most.
func promote(observed Observed, endpoint result) (*v1.TrafficStepsStatus, result) {
	steps := observed.Resolved.Steps
	next := recordedSteps(observed.Deploy, steps)
	switch {
	case next.Reason != "":
		return next, result{metav1.ConditionFalse, v1.ReasonRolledBack, next.Reason}
	case next.Share == steps.Shares[len(steps.Shares)-1]:
		return next, result{metav1.ConditionTrue, v1.ReasonPromoted, fmt.Sprintf("%s gets %d%% of the requests", steps.Backend, next.Share)}
	}
	waits := waitsFor(observed, endpoint)
	if waits == "" {
		progress(next, observed)
	}
	text := fmt.Sprintf("%s gets %d%% of the requests, within bounds for %d of %d s", steps.Backend, next.Share, next.MeasuredSeconds, steps.Seconds)
	switch {
	case next.Reason != "":
		return next, result{metav1.ConditionFalse, v1.ReasonRolledBack, next.Reason}
	case waits != "":
		return next, result{metav1.ConditionFalse, v1.ReasonPromotionWaiting, text + "; waiting: " + waits}
	}
	return next, result{metav1.ConditionFalse, v1.ReasonPromoting, text}
}

// progress evaluates a measurement that was not evaluated before.
func progress(next *v1.TrafficStepsStatus, observed Observed) {
	steps, at := observed.Resolved.Steps, observed.Measurement.At
	elapsed := time.Duration(0)
	if next.MeasuredAt != nil {
		elapsed = at.Sub(next.MeasuredAt.Time)
		if elapsed >= 0 && elapsed < MeasurePeriod-measureJitter {
			return // The status has it, of this or another controller.
		}
	}
	if reason := outOfBounds(observed); reason != "" {
		next.Reason = message.Line(fmt.Sprintf("at %d%% of the requests: %s", next.Share, reason), maxMessage)
		next.Share, next.MeasuredSeconds, next.MeasuredAt = 0, 0, nil
		return
	}
	// It counts for one period, whatever the time since the last: no other time was measured. The first, and
	// one after the clock was set back, count for none.
	if elapsed > 0 {
		next.MeasuredSeconds += int32(MeasurePeriod / time.Second)
	}
	next.MeasuredAt = &metav1.Time{Time: at}
	if next.MeasuredSeconds >= steps.Seconds {
		next.Share, next.MeasuredSeconds = steps.Shares[slices.Index(steps.Shares, next.Share)+1], 0
	}
}

// recordedSteps returns the progress, at the first share if the status has none of these steps. If the
// recorded share is no step any more, it continues at the step before it.
func recordedSteps(deploy *v1.NpuDeploy, steps *TrafficSteps) *v1.TrafficStepsStatus {
	next := deploy.StepsProgress().DeepCopy()
	if next == nil {
		return &v1.TrafficStepsStatus{Backend: steps.Backend, Retries: deploy.Spec.Endpoint.Traffic.Steps.Retries, Share: steps.Shares[0]}
	}
	if next.Reason != "" {
		next.Share = 0
	} else if !slices.Contains(steps.Shares, next.Share) {
		share := steps.Shares[0]
		for _, step := range steps.Shares {
			if step < next.Share {
				share = step
			}
		}
		next.Share, next.MeasuredSeconds = share, 0
	}
	return next
}

// waitsFor returns why there is no measurement to decide by, or "". Its text does not change while
// the reason remains.
func waitsFor(observed Observed, endpoint result) string {
	steps, measured := observed.Resolved.Steps, observed.Measurement
	i := slices.IndexFunc(observed.Resolved.Traffic, func(share v1.TrafficStatus) bool { return share.Name == steps.Backend })
	switch {
	case i >= 0 && observed.Resolved.Traffic[i].State != v1.BackendReady:
		return steps.Backend + " " + describeState(observed.Resolved.Traffic[i].State)
	case endpoint.status != metav1.ConditionTrue:
		return "the route is not in place: see condition Endpoint"
	case measured == nil:
		return "no measurement yet"
	case measured.Error != "":
		return measured.Error
	}
	of := measured.Backends[steps.Backend]
	if of.Requests < float64(steps.MinRequests) {
		return fmt.Sprintf("%s answered fewer than %d requests in five minutes, or Prometheus has no samples", steps.Backend, steps.MinRequests)
	}
	if of.FirstToken == nil {
		return "Prometheus has no time to the first token of " + steps.Backend
	}
	if _, slowest, requests := measuredOthers(observed); requests < float64(steps.MinRequests) {
		return fmt.Sprintf("the other backends answered fewer than %d requests in five minutes, or Prometheus has no samples", steps.MinRequests)
	} else if slowest == 0 {
		return "Prometheus has no time to the first token of the other backends"
	}
	return ""
}

// outOfBounds returns why a measurement is out of bounds, or "".
func outOfBounds(observed Observed) string {
	steps := observed.Resolved.Steps
	of := observed.Measurement.Backends[steps.Backend]
	errors, slowest, requests := measuredOthers(observed)
	failed, bound := 100*of.Errors/of.Requests, 100*errors/requests+float64(steps.MaxErrorPoints)
	if failed > bound {
		return fmt.Sprintf("%.1f%% of those to %s failed, and at most %.1f%% may, by the errors of the other backends", failed, steps.Backend, bound)
	}
	if bound := slowest * (1 + float64(steps.MaxSlowdownPercent)/100); *of.FirstToken > bound {
		return fmt.Sprintf("the time to the first token of %s is %.2f s, and at most %.2f s is allowed, by that of the other backends",
			steps.Backend, *of.FirstToken, bound)
	}
	return ""
}

// measuredOthers returns the errors and requests of the other backends together, and the longest time to
// the first token of those with requests, or 0.
func measuredOthers(observed Observed) (errors, slowest, requests float64) {
	for _, share := range observed.Resolved.Traffic {
		if of := observed.Measurement.Backends[share.Name]; share.Name != observed.Resolved.Steps.Backend && share.Weight > 0 {
			errors, requests = errors+of.Errors, requests+of.Requests
			if of.Requests > 0 && of.FirstToken != nil {
				slowest = max(slowest, *of.FirstToken)
			}
		}
	}
	return errors, slowest, requests
}
