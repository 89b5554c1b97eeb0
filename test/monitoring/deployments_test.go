package monitoring

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dudaji/nufi/controller/measure"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/status"
)

// Further metrics of the servers in traffic_test.go, and Triton's.
const (
	moreVLLMMetrics = `http_requests_total{LABELS,handler="/v1/chat/completions",method="POST",status="2xx"} 0+60
http_requests_total{LABELS,handler="/v1/chat/completions",method="POST",status="5xx"} 0+30
http_requests_total{LABELS,handler="/v1/models",method="GET",status="5xx"} 0+60
vllm:prompt_tokens_total{LABELS} 0+120
vllm:inter_token_latency_seconds_bucket{LABELS,le="0.1"} 0+6
vllm:inter_token_latency_seconds_bucket{LABELS,le="+Inf"} 0+6
vllm:e2e_request_latency_seconds_bucket{LABELS,le="1"} 0+6
vllm:e2e_request_latency_seconds_bucket{LABELS,le="+Inf"} 0+6
`
	moreSGLangMetrics = `sglang:http_responses_total{LABELS,endpoint="/v1/chat/completions",method="POST",status_code="200"} 0+60
sglang:http_responses_total{LABELS,endpoint="/v1/chat/completions",method="POST",status_code="503"} 0+30
sglang:http_responses_total{LABELS,endpoint="/v1/models",method="GET",status_code="500"} 0+60
sglang:prompt_tokens_total{LABELS} 0+120
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
	answers := map[string]float64{"nufi:deploy_requests:rate5m": 3, "nufi:deploy_request_errors:rate5m": 1}
	cache := map[string]float64{
		"nufi:deploy_kv_cache_usage:max": 0.5, "nufi:deploy_time_to_first_token_seconds:p50_5m": 0.1, "nufi:deploy_time_to_first_token_seconds:p95_5m": 0.19,
	}
	for server, test := range map[string]struct {
		metrics string
		want    []map[string]float64
	}{
		"vllm":   {strings.ReplaceAll(vllmMetrics, "CACHE", "vllm:kv_cache_usage_perc") + moreVLLMMetrics, []map[string]float64{gauges, tokens, latency, cache, answers}},
		"sglang": {sglangMetrics + moreSGLangMetrics, []map[string]float64{gauges, tokens, latency, cache, answers}},
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

// The controller reads the recorded series of backends, until the rules are not evaluated any more.
func TestBackendsAreMeasuredByTheRecordedSeries(t *testing.T) {
	s := newServer(t)
	set := newRuleSet(t, s)
	end := recordedAt.Add(6 * time.Minute)
	for minute := range 7 {
		at := recordedAt.Add(time.Duration(minute) * time.Minute)
		s.scrape(t, []byte(ofPods(strings.ReplaceAll(vllmMetrics, "CACHE", "vllm:kv_cache_usage_perc")+moreVLLMMetrics)), at, minute)
		set.evaluate(t, s, at)
	}
	querier, err := fetchers.NewClient(fetchers.ClientConfig{URL: s.serve(t)})
	if err != nil {
		t.Fatal(err)
	}
	firstToken := 0.19
	want := map[string]status.BackendMeasurement{
		"llama": {Requests: 900, Errors: 300, FirstToken: &firstToken}, "llama-70b": {Requests: 450, Errors: 150, FirstToken: &firstToken},
	}
	for _, test := range []struct {
		at   time.Time
		want map[string]status.BackendMeasurement
	}{{end.Add(time.Second), want}, {end.Add(3 * time.Minute), map[string]status.BackendMeasurement{}}} {
		got := measure.Backends(t.Context(), querier, "ml", []string{"llama", "llama-70b", "absent"}, test.at)
		if diff := cmp.Diff(test.want, got.Backends, cmpopts.EquateApprox(1e-9, 0)); diff != "" || got.Error != "" || !got.At.Equal(test.at) {
			t.Errorf("at %s: %q (-want +got):\n%s", test.at, got.Error, diff)
		}
	}
	absent, err := fetchers.NewClient(fetchers.ClientConfig{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := measure.Backends(t.Context(), absent, "ml", []string{"llama"}, end); got.Error != "Prometheus does not respond: unreachable" || got.Backends != nil {
		t.Errorf("without Prometheus: %+v", got)
	}
}
