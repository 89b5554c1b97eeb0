// Package measure reads the requests, errors and latency of backends from Prometheus, by the recording
// rules of bundle/monitoring.
package measure

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/status"
)

// The recorded series, by namespace and npudeploy.
const (
	requests = "nufi:deploy_requests:rate5m"
	failures = "nufi:deploy_request_errors:rate5m"
	latency  = "nufi:deploy_time_to_first_token_seconds:p95_5m"
)

// Backends measures backends of a namespace. at is the time of the measurement.
func Backends(ctx context.Context, querier fetchers.Querier, namespace string, names []string, at time.Time) *status.Measurement {
	measurement := &status.Measurement{At: at.Truncate(time.Second)}
	// A rule that is not evaluated any more has no sample after two minutes, instead of five.
	answer, err := querier.Query(ctx, fmt.Sprintf(`last_over_time({__name__=~"%s",namespace=%q,npudeploy=~%q}[2m])`,
		strings.Join([]string{requests, failures, latency}, "|"), namespace, strings.Join(names, "|")), at)
	if err != nil {
		measurement.Error = fetchers.Describe(err)
		return measurement
	}
	measurement.Backends = map[string]status.BackendMeasurement{}
	for _, sample := range answer.Samples {
		if math.IsNaN(sample.Value) || math.IsInf(sample.Value, 0) {
			continue
		}
		name := sample.Labels.Get("npudeploy")
		backend := measurement.Backends[name]
		switch sample.Labels.Get("__name__") {
		case requests:
			backend.Requests = 300 * sample.Value
		case failures:
			backend.Errors = 300 * sample.Value
		case latency:
			backend.FirstToken = &sample.Value
		}
		measurement.Backends[name] = backend
	}
	return measurement
}
