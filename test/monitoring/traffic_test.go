package monitoring

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/traffic"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
)

// The metrics of two pods, in the form of scrape. The tokens grow by 60 and the requests by 6 each minute.
const (
	vllmMetrics = `vllm:num_requests_running{LABELS} 3
vllm:num_requests_waiting{LABELS} 1
vllm:generation_tokens_total{LABELS} 0+60
vllm:time_to_first_token_seconds_bucket{LABELS,le="0.1"} 0+3
vllm:time_to_first_token_seconds_bucket{LABELS,le="0.2"} 0+6
vllm:time_to_first_token_seconds_bucket{LABELS,le="+Inf"} 0+6
CACHE{LABELS} SHARE
`
	sglangMetrics = `sglang:num_running_reqs{LABELS} 3
sglang:num_queue_reqs{LABELS} 1
sglang:generation_tokens_total{LABELS} 0+60
sglang:time_to_first_token_seconds_bucket{LABELS,le="0.1"} 0+3
sglang:time_to_first_token_seconds_bucket{LABELS,le="0.2"} 0+6
sglang:time_to_first_token_seconds_bucket{LABELS,le="+Inf"} 0+6
sglang:token_usage{LABELS} SHARE
`
	tgiMetrics = `tgi_batch_current_size{LABELS} 3
tgi_queue_size{LABELS} 1
tgi_request_generated_tokens_sum{LABELS} 0+60
`
)

// ofPods returns the exposition of two pods of ml/llama, and of pods of others that must not count.
func ofPods(metrics string) string {
	var text strings.Builder
	for i, pod := range []struct{ namespace, deploy string }{{"ml", "llama"}, {"ml", "llama"}, {"ml", "llama-70b"}, {"search", "llama"}} {
		labels := fmt.Sprintf(`namespace=%q,pod="pod-%d",npudeploy=%q`, pod.namespace, i, pod.deploy)
		text.WriteString(strings.NewReplacer("LABELS", labels, "SHARE", fmt.Sprint(0.25*float64(i+1))).Replace(metrics))
	}
	return text.String()
}

func compile(t *testing.T) *render.Catalogue {
	t.Helper()
	set, err := render.Compile(nufi.Module())
	if err != nil {
		t.Fatal(err)
	}
	return set.Catalogue
}

var llama = client.ObjectKey{Namespace: "ml", Name: "llama"}

func TestTrafficIsReadFromTheMetricsOfTheServersDialect(t *testing.T) {
	catalogue := compile(t)
	all := map[traffic.Name]float64{
		traffic.RequestsRunning: 6, traffic.RequestsWaiting: 2, traffic.GeneratedTokens: 2,
		traffic.FirstTokenP50: 0.1, traffic.FirstTokenP95: 0.19, traffic.CacheUsage: 0.5,
	}
	for name, test := range map[string]struct {
		dialect, metrics string
		want             map[traffic.Name]float64
	}{
		"vllm":      {"vllm", strings.ReplaceAll(vllmMetrics, "CACHE", "vllm:kv_cache_usage_perc"), all},
		"vllm-rbln": {"vllm-rbln", strings.ReplaceAll(vllmMetrics, "CACHE", "vllm:kv_cache_usage_perc"), all},
		"sglang":    {"sglang", sglangMetrics, all},
		"tgi":       {"tgi", tgiMetrics, map[traffic.Name]float64{traffic.RequestsRunning: 6, traffic.RequestsWaiting: 2, traffic.GeneratedTokens: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			got := readTraffic(t, catalogue, test.dialect, ofPods(test.metrics))
			if got.Reason != "" || len(got.Series) != len(test.want) {
				t.Fatalf("the traffic is %+v", got)
			}
			for _, series := range got.Series {
				checkValues(t, series, test.want[series.Name])
			}
		})
	}
}

// readTraffic scrapes an exposition for an hour, with a gap from the 20th to the 39th minute, and reads
// the traffic at its end.
func readTraffic(t *testing.T, catalogue *render.Catalogue, dialect, exposition string) *traffic.Traffic {
	t.Helper()
	s := newServer(t)
	for minute := range 61 {
		text := exposition
		if minute >= 20 && minute < 40 {
			text = ""
		}
		s.scrape(t, []byte(text), recordedAt.Add(time.Duration(minute)*time.Minute), minute)
	}
	querier, err := fetchers.NewClient(fetchers.ClientConfig{URL: s.serve(t)})
	if err != nil {
		t.Fatal(err)
	}
	return read(t, querier, catalogue, dialect)
}

func read(t *testing.T, querier traffic.Querier, catalogue *render.Catalogue, dialect string) *traffic.Traffic {
	t.Helper()
	handlers := traffic.New(traffic.Options{Querier: querier, Clock: func() time.Time { return recordedAt.Add(time.Hour) }})
	got, err := handlers.Read(t.Context(), llama, dialect, catalogue)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// checkValues fails the test unless a series has the value where there are samples, and none in the gap. A
// rate covers five minutes, and requires two samples.
func checkValues(t *testing.T, series traffic.Series, want float64) {
	t.Helper()
	if len(series.Values) != 61 {
		t.Fatalf("%s has %d values", series.Name, len(series.Values))
	}
	isRate := series.Unit == traffic.UnitTokensPerSecond || series.Unit == traffic.UnitSeconds
	for minute, value := range series.Values {
		switch {
		case minute >= 24 && minute < 40, minute >= 20 && minute < 24 && !isRate:
			if value != nil {
				t.Errorf("%s has %v in the gap, at minute %d", series.Name, *value, minute)
			}
		case minute > 1 && minute < 20, minute > 41:
			if value == nil || math.Abs(*value-want) > 1e-6 && !isExtrapolated(minute, isRate) {
				t.Errorf("%s at minute %d differs from %v: %v", series.Name, minute, want, value)
			}
		}
	}
}

// isExtrapolated reports whether the window of a rate begins before its first sample.
func isExtrapolated(minute int, isRate bool) bool {
	return isRate && (minute < 6 || minute >= 40 && minute < 46)
}

func TestTrafficReportsWhyThereAreNoValues(t *testing.T) {
	catalogue := compile(t)
	unreachable, err := fetchers.NewClient(fetchers.ClientConfig{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	others := readTraffic(t, catalogue, "vllm", strings.ReplaceAll(ofPods(tgiMetrics), "CACHE", ""))
	for name, test := range map[string]struct {
		got  *traffic.Traffic
		want traffic.Reason
	}{
		"no Prometheus":   {read(t, nil, catalogue, "vllm"), traffic.ReasonNotConfigured},
		"unknown server":  {read(t, unreachable, catalogue, ""), traffic.ReasonUnknownServer},
		"dialect without": {read(t, unreachable, catalogue, "ollama"), traffic.ReasonUnknownServer},
		"unreachable":     {read(t, unreachable, catalogue, "vllm"), traffic.ReasonUnavailable},
		"no samples":      {others, traffic.ReasonNoSamples},
	} {
		if test.got.Reason != test.want || len(test.got.Series) > 0 || test.got.Message == "" || strings.Contains(test.got.Message, "127.0.0.1") {
			t.Errorf("%s: %+v, want %s", name, test.got, test.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := traffic.New(traffic.Options{Querier: unreachable, Clock: time.Now}).Read(ended, llama, "vllm", catalogue); err == nil {
		t.Error("no error for a request that has ended")
	}
}
