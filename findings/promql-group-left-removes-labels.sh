#!/usr/bin/env bash
# github.com/prometheus/prometheus v0.315.0: group_left (label) removes the label from the left side where the right side does not have it.
#
# Expected: `left * on (device) group_left (pod) right` adds the label pod of the right side. Where a series of the right side has none, nothing is
# added, and the series of the left side keeps its own pod: the labels of the left side are what group_left keeps.
# Observed: the label is set to what the right side has, which may be nothing. A join that should fill in the pod of devices without one removes the pod of
# each device of which the right side knows none, such as one without a holder. Series that differ in this label alone then become
# equal, and the whole query fails. `group_left ()` keeps the label.
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
	add(0.5, "__name__", "utilization", "device", "0", "pod", "llama")
	add(0.7, "__name__", "utilization", "device", "1", "pod", "qwen")
	add(0.9, "__name__", "shared", "device", "1", "pod", "qwen")
	add(0.3, "__name__", "shared", "device", "1", "pod", "solar")
	add(1, "__name__", "holder", "device", "0", "pod", "llama-8b-0")
	add(1, "__name__", "holder", "device", "1")
	if err := appender.Commit(); err != nil {
		panic(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1000, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	for _, query := range []string{
		`utilization * on (device) group_left () holder`,
		`utilization * on (device) group_left (pod) holder`,
		`shared * on (device) group_left () holder`,
		`shared * on (device) group_left (pod) holder`,
	} {
		result := must(engine.NewInstantQuery(ctx, db, nil, query, now)).Exec(ctx)
		fmt.Println(query)
		if result.Err != nil {
			fmt.Println("  error:", result.Err)
			continue
		}
		for _, sample := range must(result.Vector()) {
			fmt.Println("  ", sample.Metric, sample.F)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
utilization * on (device) group_left () holder
   {device="0", pod="llama"} 0.5
   {device="1", pod="qwen"} 0.7
utilization * on (device) group_left (pod) holder
   {device="0", pod="llama-8b-0"} 0.5
   {device="1"} 0.7
shared * on (device) group_left () holder
   {device="1", pod="qwen"} 0.9
   {device="1", pod="solar"} 0.3
shared * on (device) group_left (pod) holder
  error: multiple matches for labels: grouping labels must ensure unique matches
OUT
echo 'as described'
