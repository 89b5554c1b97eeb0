package controller_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// measured is the shared controller's Prometheus, and the clock of its measurements.
var measured = newPrometheus()

// prometheus answers queries about a namespace by what a test sets for it, and fails otherwise.
type prometheus struct {
	clock *clocktesting.FakeClock

	mu      sync.Mutex
	results map[string]string
}

func newPrometheus() *prometheus {
	return &prometheus{clock: clocktesting.NewFakeClock(time.Now()), results: map[string]string{}}
}

func (p *prometheus) options() (controller.Options, error) {
	server := httptest.NewServer(p) // It ends with the process, as the shared controller does.
	querier, err := fetchers.NewClient(fetchers.ClientConfig{URL: server.URL})
	return controller.Options{Prometheus: querier, MeasureClock: p.clock}, err
}

func (p *prometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for namespace, result := range p.results {
		if strings.Contains(r.URL.Query().Get("query"), fmt.Sprintf("namespace=%q", namespace)) && result != "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"status": "success", "data": {"resultType": "vector", "result": [%s]}}`, result)
			return
		}
	}
	w.WriteHeader(http.StatusServiceUnavailable)
}

// set sets the seconds to the first token of web and next, which answer one request each second without an
// error.
func (p *prometheus) set(namespace string, web, next float64) {
	var samples []string
	for name, firstToken := range map[string]float64{"web": web, "next": next} {
		for series, value := range map[string]float64{"nufi:deploy_requests:rate5m": 1, "nufi:deploy_time_to_first_token_seconds:p95_5m": firstToken} {
			samples = append(samples, fmt.Sprintf(`{"metric": {"__name__": %q, "namespace": %q, "npudeploy": %q}, "value": [1, "%g"]}`, series, namespace, name, value))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.results[namespace] = strings.Join(samples, ",")
}

func (p *prometheus) fail(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.results, namespace)
}

// measure lets the controller measure once, and waits until the status has changed as it must.
func (f *fixture) measure(what string, changed func(steps *v1.TrafficStepsStatus, promoted *metav1.Condition) bool) {
	f.Helper()
	measured.clock.Step(status.MeasurePeriod)
	web := f.NpuDeploy("web")
	f.AwaitObject(web, what, func() bool {
		promoted := f.Condition(web, v1.ConditionPromoted)
		return web.Status.TrafficSteps != nil && promoted != nil && changed(web.Status.TrafficSteps, promoted)
	})
}

func TestShareOfABackendGrowsWithinBoundsAndReturnsOtherwise(t *testing.T) {
	f := newFixture(t)
	f.Apply(next)
	f.Apply(replace("endpoint: {host: web.NAMESPACE.example, kind: VirtualService}",
		"endpoint: {host: web.NAMESPACE.example, kind: VirtualService, traffic: {steps: {backend: next, shares: [5, 25, 100], seconds: 30}}}"))
	f.settle()
	f.awaitRoute(map[string]int64{"web": 95, "next:8080": 5}, "")
	before := f.pods()
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionPromoted, metav1.ConditionFalse, v1.ReasonPromotionWaiting)
	f.Await("the controller measures", measured.clock.HasWaiters)

	hasShare := func(share int32) func(*v1.TrafficStepsStatus, *metav1.Condition) bool {
		return func(steps *v1.TrafficStepsStatus, _ *metav1.Condition) bool {
			return steps.Share == share && steps.MeasuredAt != nil
		}
	}
	measured.set(f.Namespace, 1, 1.2)
	f.measure("the first measurement", hasShare(5))
	f.measure("the second share", hasShare(25))
	f.awaitRoute(map[string]int64{"web": 75, "next:8080": 25}, "")

	measured.fail(f.Namespace)
	f.measure("the error", func(steps *v1.TrafficStepsStatus, promoted *metav1.Condition) bool {
		return steps.Share == 25 && promoted.Reason == v1.ReasonPromotionWaiting && strings.Contains(promoted.Message, "Prometheus does not respond")
	})
	measured.set(f.Namespace, 1, 2)
	f.measure("the return", func(steps *v1.TrafficStepsStatus, promoted *metav1.Condition) bool {
		return steps.Share == 0 && promoted.Reason == v1.ReasonRolledBack && strings.Contains(promoted.Message, "the time to the first token of next is 2.00 s")
	})
	f.awaitRoute(map[string]int64{"web": 100}, "")

	measured.set(f.Namespace, 1, 1)
	f.Patch(f.NpuDeploy("web"), `{"spec":{"endpoint":{"traffic":{"steps":{"retries":1,"shares":[50,100]}}}}}`)
	f.awaitRoute(map[string]int64{"web": 50, "next:8080": 50}, "")
	f.measure("the first measurement", hasShare(50))
	f.measure("the last share", hasShare(100))
	f.awaitRoute(map[string]int64{"next:8080": 100}, "")
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionPromoted, metav1.ConditionTrue, v1.ReasonPromoted)

	// Weights of the user end the steps.
	f.Patch(f.NpuDeploy("web"), `{"spec":{"endpoint":{"traffic":{"steps":null,"backends":[{"name":"next","weight":20}]}}}}`)
	f.awaitRoute(map[string]int64{"web": 80, "next:8080": 20}, "")
	web := f.NpuDeploy("web")
	f.AwaitObject(web, "the end of the steps", func() bool { return web.Status.TrafficSteps == nil && f.Condition(web, v1.ConditionPromoted) == nil })
	f.settle()
	if diff := cmp.Diff(before, f.pods()); diff != "" || len(before) != 2 {
		t.Errorf("pods (-before +after):\n%s", diff)
	}
}
