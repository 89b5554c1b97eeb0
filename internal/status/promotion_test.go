package status_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// measured returns a measurement of a backend. A firstToken of 0 seconds is absent.
func measured(requests, errors, firstToken float64) status.BackendMeasurement {
	backend := status.BackendMeasurement{Requests: requests, Errors: errors}
	if firstToken > 0 {
		backend.FirstToken = &firstToken
	}
	return backend
}

// promoting returns a promotion of chat-v2 by NpuDeploy chat. It has had the share for the seconds, and the
// last measurement was one period ago.
func promoting(share, seconds int32) status.Observed {
	at := metav1.NewTime(now().Add(-status.MeasurePeriod))
	deploy := &v1.NpuDeploy{}
	deploy.Name = "chat"
	deploy.Spec.Endpoint = &v1.Endpoint{Traffic: &v1.Traffic{Steps: &v1.TrafficSteps{Backend: "chat-v2", Retries: 1}}}
	deploy.Status.TrafficSteps = &v1.TrafficStepsStatus{Backend: "chat-v2", Retries: 1, Share: share, MeasuredSeconds: seconds, MeasuredAt: &at}
	route := &metav1.ObjectMeta{Name: "chat"}
	shares := []v1.TrafficStatus{
		{Name: "chat", Weight: 75, State: v1.BackendReady}, {Name: "old", State: v1.BackendReady},
		{Name: "chat-v2", Weight: 25, State: v1.BackendReady},
	}
	return status.Observed{
		Deploy: deploy, Outcomes: status.Outcomes{Now: now()},
		Route: status.Route{Kind: v1.EndpointVirtualService, Host: "chat.example", Object: route, Shares: shares},
		Resolved: &status.Resolved{Traffic: shares, Steps: &status.TrafficSteps{
			Backend: "chat-v2", Shares: []int32{5, 25, 50, 100}, Seconds: 60, MinRequests: 50, MaxErrorPoints: 5, MaxSlowdownPercent: 50,
		}},
		Measurement: &status.Measurement{At: now(), Backends: map[string]status.BackendMeasurement{
			"chat": measured(300, 3, 1), "chat-v2": measured(100, 2, 1.2), "old": measured(1000, 1000, 60),
		}},
	}
}

func TestShareGrowsOnlyWithMeasurementsWithinBounds(t *testing.T) {
	t.Parallel()
	type progress struct {
		Share, Seconds int32
		Reason         string
	}
	const promoting25, waiting = v1.ReasonPromoting, v1.ReasonPromotionWaiting
	newcomer := func(measured status.BackendMeasurement) func(*status.Observed) {
		return func(o *status.Observed) { o.Measurement.Backends["chat-v2"] = measured }
	}
	recorded := func(change func(*v1.TrafficStepsStatus)) func(*status.Observed) {
		return func(o *status.Observed) { change(o.Deploy.Status.TrafficSteps) }
	}
	measuredAt := func(at time.Time) func(*status.Observed) {
		return func(o *status.Observed) { o.Measurement.At = at }
	}
	for name, test := range map[string]struct {
		share, seconds int32
		change         func(*status.Observed)
		want           progress
		text           string
	}{
		"begins at the first share":           {25, 30, func(o *status.Observed) { o.Deploy.Status.TrafficSteps = nil }, progress{5, 0, promoting25}, "chat-v2 gets 5% of the requests, within bounds for 0 of 60 s"},
		"a measurement counts for its period": {25, 0, nil, progress{25, 30, promoting25}, "for 30 of 60 s"},
		"the next share":                      {25, 30, nil, progress{50, 0, promoting25}, "gets 50%"},
		"the last share ends the steps":       {50, 30, nil, progress{100, 0, promoting25}, ""},
		"promoted":                            {100, 0, newcomer(measured(100, 100, 9)), progress{100, 0, v1.ReasonPromoted}, "chat-v2 gets 100% of the requests"},
		"the same measurement again":          {25, 0, measuredAt(now().Add(-status.MeasurePeriod)), progress{25, 0, promoting25}, ""},
		"of another controller":               {25, 30, measuredAt(now().Add(-status.MeasurePeriod / 2)), progress{25, 30, promoting25}, ""},
		"after an hour without any":           {25, 0, measuredAt(now().Add(time.Hour)), progress{25, 30, promoting25}, ""},
		"after the clock was set back":        {25, 30, measuredAt(now().Add(-time.Hour)), progress{25, 30, promoting25}, ""},
		"errors":                              {25, 30, newcomer(measured(100, 8, 1)), progress{0, 0, v1.ReasonRolledBack}, "at 25% of the requests: 8.0% of those to chat-v2 failed, and at most 6.0% may"},
		"slow":                                {25, 30, newcomer(measured(100, 0, 1.6)), progress{0, 0, v1.ReasonRolledBack}, "the time to the first token of chat-v2 is 1.60 s, and at most 1.50 s"},
		"rolled back stays so":                {0, 0, recorded(func(s *v1.TrafficStepsStatus) { s.Reason = "slow" }), progress{0, 0, v1.ReasonRolledBack}, "slow"},
		"rolled back and overwritten":         {25, 30, recorded(func(s *v1.TrafficStepsStatus) { s.Reason = "slow" }), progress{0, 30, v1.ReasonRolledBack}, "slow"},
		"retried": {0, 0, func(o *status.Observed) {
			o.Deploy.Status.TrafficSteps.Reason = "slow"
			o.Deploy.Spec.Endpoint.Traffic.Steps.Retries = 2
		}, progress{5, 0, promoting25}, ""},
		"another backend before":           {50, 30, recorded(func(s *v1.TrafficStepsStatus) { s.Backend = "chat-v1" }), progress{5, 0, promoting25}, ""},
		"a share that is no step any more": {30, 30, nil, progress{25, 30, promoting25}, ""},
		"no measurement yet":               {25, 30, func(o *status.Observed) { o.Measurement = nil }, progress{25, 30, waiting}, "waiting: no measurement yet"},
		"Prometheus unreachable":           {25, 30, func(o *status.Observed) { o.Measurement = &status.Measurement{Error: "Prometheus does not respond"} }, progress{25, 30, waiting}, "gets 25% of the requests, within bounds for 30 of 60 s; waiting: Prometheus does not respond"},
		"no samples":                       {25, 30, func(o *status.Observed) { o.Measurement.Backends = nil }, progress{25, 30, waiting}, "chat-v2 answered fewer than 50 requests in five minutes, or Prometheus has no samples"},
		"few requests":                     {25, 30, newcomer(measured(49, 49, 9)), progress{25, 30, waiting}, "fewer than 50 requests"},
		"no time to the first token":       {25, 30, newcomer(measured(100, 0, 0)), progress{25, 30, waiting}, "no time to the first token of chat-v2"},
		"no requests to the others":        {25, 30, func(o *status.Observed) { delete(o.Measurement.Backends, "chat") }, progress{25, 30, waiting}, "the other backends answered fewer"},
		"not ready":                        {25, 30, func(o *status.Observed) { o.Resolved.Traffic[2].State = v1.BackendNotReady }, progress{25, 30, waiting}, "waiting: chat-v2 (no ready pod)"},
		"no route":                         {25, 30, func(o *status.Observed) { o.Route.Object = nil }, progress{25, 30, waiting}, "see condition Endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			observed := promoting(test.share, test.seconds)
			if test.change != nil {
				test.change(&observed)
			}
			next := status.Evaluate(observed)
			condition := meta.FindStatusCondition(next.Conditions, v1.ConditionPromoted)
			if next.TrafficSteps == nil || condition == nil {
				t.Fatalf("the status is %+v", next)
			}
			got := progress{next.TrafficSteps.Share, next.TrafficSteps.MeasuredSeconds, condition.Reason}
			if diff := cmp.Diff(test.want, got); diff != "" || !strings.Contains(condition.Message, test.text) {
				t.Errorf("got %q (-want +got):\n%s", condition.Message, diff)
			}
		})
	}
}

func TestStepsThatAreRemovedLeaveNoStatus(t *testing.T) {
	t.Parallel()
	observed := promoting(25, 0)
	observed.Deploy.Status = status.Evaluate(observed)
	observed.Resolved.Steps = nil
	if next := status.Evaluate(observed); next.TrafficSteps != nil || meta.FindStatusCondition(next.Conditions, v1.ConditionPromoted) != nil {
		t.Errorf("the status is %+v", next)
	}
}
