#!/usr/bin/env bash
# github.com/prometheus/prometheus v0.315.0: a quantile of histograms with different buckets is the largest bucket, although each of them has a small one.
#
# Expected: histogram_quantile of sum by (le), the usual way to add up the replicas of a server, is a quantile of all requests, also while a new
# version of the server with more buckets replaces an old one: at worst as inexact as the coarser of the two.
# Observed: a request that is above the old version's last bucket is missing in the larger ones of the new version, whose counts are then lower than that of
# a smaller bucket. They are raised to it, and every such request is taken for one above all buckets. vLLM's e2e_request_latency_seconds
# ended at 60 s (v0.4.0), and ends at 7680 s now: if one request in ten takes 70 s with both versions, the 95th percentile of each is 60 and 90 s,
# and that of both is two hours. The answer has an annotation, of the level info; a recording rule drops it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire github.com/prometheus/prometheus v0.315.0\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	db := must(tsdb.Open(must(os.MkdirTemp(".", "tsdb")), nil, nil, tsdb.DefaultOptions(), nil))
	now, ctx := time.UnixMilli(1_000_000), context.Background()
	appender := db.Appender(ctx)
	add := func(value float64, series ...string) {
		must(appender.Append(0, labels.FromStrings(series...), now.UnixMilli(), value))
	}
	// Of 100 requests, 90 take less than a minute, and 10 take 70 s.
	for _, bucket := range []string{"30.0", "60.0"} {
		add(90, "__name__", "latency_bucket", "pod", "old", "le", bucket)
		add(90, "__name__", "latency_bucket", "pod", "new", "le", bucket)
	}
	for _, bucket := range []string{"120.0", "240.0", "480.0", "960.0", "1920.0", "7680.0"} {
		add(100, "__name__", "latency_bucket", "pod", "new", "le", bucket)
	}
	for _, pod := range []string{"old", "new"} {
		add(100, "__name__", "latency_bucket", "pod", pod, "le", "+Inf")
	}
	if err := appender.Commit(); err != nil {
		panic(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1000, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	for _, query := range []string{
		`histogram_quantile(0.95, latency_bucket{pod="old"})`,
		`histogram_quantile(0.95, latency_bucket{pod="new"})`,
		`histogram_quantile(0.95, sum by (le) (latency_bucket))`,
	} {
		result := must(engine.NewInstantQuery(ctx, db, nil, query, now)).Exec(ctx)
		_, infos := result.Warnings.CountWarningsAndInfo()
		fmt.Printf("%s = %.0f, error: %v, annotations of level info: %t\n", query, must(result.Vector())[0].F, result.Err, infos > 0)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
histogram_quantile(0.95, latency_bucket{pod="old"}) = 60, error: <nil>, annotations of level info: false
histogram_quantile(0.95, latency_bucket{pod="new"}) = 90, error: <nil>, annotations of level info: false
histogram_quantile(0.95, sum by (le) (latency_bucket)) = 7680, error: <nil>, annotations of level info: true
OUT
echo 'as described'
