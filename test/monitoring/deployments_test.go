package monitoring

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Further metrics of the servers in traffic_test.go, and Triton's.
const (
	moreSGLangMetrics = `sglang:prompt_tokens_total{LABELS} 0+120
sglang:inter_token_latency_seconds_bucket{LABELS,le="0.1"} 0+6
sglang:inter_token_latency_seconds_bucket{LABELS,le="+Inf"} 0+6
sglang:e2e_request_latency_seconds_bucket{LABELS,le="1"} 0+6
sglang:e2e_request_latency_seconds_bucket{LABELS,le="+Inf"} 0+6
`
	moreTGIMetrics = `tgi_request_input_length_sum{LABELS} 0+120
tgi_request_mean_time_per_token_duration_bucket{LABELS,le="0.1"} 0+6
tgi_request_mean_time_per_token_duration_bucket{LABELS,le="+Inf"} 0+6
tgi_request_duration_bucket{LABELS,le="1"} 0+6
tgi_request_duration_bucket{LABELS,le="+Inf"} 0+6
`
	tritonMetrics = `nv_inference_request_success{LABELS,model="bert",version="1"} 0+6
nv_inference_pending_request_count{LABELS,model="bert",version="1"} 1
`
)

// Each server has a value for each rule of deployments, but for what it does not measure.
func TestDeploymentRulesReadTheMetricsOfEachServer(t *testing.T) {
	gauges := map[string]float64{"nufi:deploy_requests_running:sum": 6, "nufi:deploy_requests_waiting:sum": 2}
	tokens := map[string]float64{"nufi:deploy_generation_tokens:rate5m": 2, "nufi:deploy_prompt_tokens:rate5m": 4}
	latency := map[string]float64{"nufi:deploy_inter_token_seconds:p95_5m": 0.095, "nufi:deploy_request_seconds:p95_5m": 0.95}
	cache := map[string]float64{
		"nufi:deploy_kv_cache_usage:max": 0.5, "nufi:deploy_time_to_first_token_seconds:p50_5m": 0.1, "nufi:deploy_time_to_first_token_seconds:p95_5m": 0.19,
	}
	for server, test := range map[string]struct {
		metrics string
		want    []map[string]float64
	}{
		"sglang": {sglangMetrics + moreSGLangMetrics, []map[string]float64{gauges, tokens, latency, cache}},
		"tgi":    {tgiMetrics + moreTGIMetrics, []map[string]float64{gauges, tokens, latency}},
		"triton": {tritonMetrics, []map[string]float64{{"nufi:deploy_requests_waiting:sum": 2}}},
	} {
		t.Run(server, func(t *testing.T) {
			s := newServer(t)
			for minute := range 7 {
				s.scrape(t, []byte(ofPods(test.metrics)), recordedAt.Add(time.Duration(minute)*time.Minute), minute)
			}
			want := map[string]float64{"nufi:deploy_pod:info": 2}
			for _, values := range test.want {
				maps.Copy(want, values)
			}
			got := map[string]float64{}
			for _, d := range definitions(t) {
				if !strings.HasPrefix(d.Record, "nufi:deploy_") {
					continue
				}
				for _, sample := range s.query(t, d.Expr, recordedAt.Add(6*time.Minute)) {
					if sample.Metric.Get("namespace") == "ml" && sample.Metric.Get("npudeploy") == "llama" {
						got[d.Record] += sample.F
					}
				}
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("the records differ (-want +got):\n%s", diff)
			}
		})
	}
}
