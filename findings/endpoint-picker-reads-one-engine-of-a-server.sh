#!/usr/bin/env bash
# sigs.k8s.io/gateway-api-inference-extension v1.5.0: of a server with several engines, the endpoint picker sees the load of one.
#
# Expected: the load of a server is that of all its engines: vLLM with --data-parallel-size exposes each metric once for each of them, with
# the label engine, and Prometheus' users add these up.
# Observed: the picker takes the series with the newest timestamp, and without timestamps, which vLLM does not write, the first one. A
# server whose engine 1 has a long queue and a full KV cache looks idle as long as engine 0 is, and gets more requests. llm-d's
# router has the same code.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire sigs.k8s.io/gateway-api-inference-extension v1.5.0\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"sigs.k8s.io/gateway-api-inference-extension/pkg/epp/framework/interface/datalayer"
	extractor "sigs.k8s.io/gateway-api-inference-extension/pkg/epp/framework/plugins/datalayer/extractor/metrics"
	source "sigs.k8s.io/gateway-api-inference-extension/pkg/epp/framework/plugins/datalayer/source/metrics"
)

// engine is the load of one engine.
type engine struct {
	waiting, running int
	cache            float64
}

// exposition is what a server with these engines answers at /metrics.
func exposition(engines ...engine) string {
	text := map[string]string{}
	for i, engine := range engines {
		text["waiting"] += fmt.Sprintf("vllm:num_requests_waiting{engine=\"%d\"} %d\n", i, engine.waiting)
		text["running"] += fmt.Sprintf("vllm:num_requests_running{engine=\"%d\"} %d\n", i, engine.running)
		text["cache"] += fmt.Sprintf("vllm:kv_cache_usage_perc{engine=\"%d\"} %g\n", i, engine.cache)
	}
	return "# TYPE vllm:num_requests_waiting gauge\n" + text["waiting"] + "# TYPE vllm:num_requests_running gauge\n" + text["running"] +
		"# TYPE vllm:kv_cache_usage_perc gauge\n" + text["cache"] +
		"# TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"1000\"} 1\n" +
		"# TYPE vllm:lora_requests_info gauge\nvllm:lora_requests_info{max_lora=\"0\",running_lora_adapters=\"\",waiting_lora_adapters=\"\"} 1\n"
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	idle, busy := engine{0, 1, 0.01}, engine{40, 8, 0.95}
	metrics := must(source.NewHTTPMetricsDataSource("http", "/metrics", "source"))
	extract := must(extractor.CoreMetricsExtractorFactory("extractor", nil, nil)).(*extractor.Extractor)
	for _, engines := range [][]engine{{busy}, {busy, idle}, {idle, busy}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, exposition(engines...)) }))
		endpoint := datalayer.NewEndpoint(&datalayer.EndpointMetadata{MetricsHost: strings.TrimPrefix(server.URL, "http://")}, nil)
		families := must(metrics.Poll(context.Background(), endpoint))
		server.Close()
		if err := extract.Extract(context.Background(), families, endpoint); err != nil {
			panic(err)
		}
		seen := endpoint.GetMetrics()
		fmt.Printf("engines %v: waiting %d, running %d, KV cache %g\n", engines, seen.WaitingQueueSize, seen.RunningRequestsSize, seen.KVCacheUsagePercent)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
engines [{40 8 0.95}]: waiting 40, running 8, KV cache 0.95
engines [{40 8 0.95} {0 1 0.01}]: waiting 40, running 8, KV cache 0.95
engines [{0 1 0.01} {40 8 0.95}]: waiting 0, running 1, KV cache 0.01
OUT
echo 'as described'
