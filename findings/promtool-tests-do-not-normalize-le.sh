#!/usr/bin/env bash
# github.com/prometheus/prometheus v0.315.0: a rule on le="1" passes promtool's tests, and has no series in Prometheus.
#
# Expected: the series that a test of rules takes as its input are those that a scrape of the same exposition stores, so that a rule
# that passes its test works.
# Observed: a scrape normalizes the bounds of histograms, since Prometheus 3: le="1" is stored as le="1.0", as is quantile="1". The input
# of promtool test rules stays as it is written. A recording rule or an objective on le="1", such as the share of requests below a second,
# is tested as good and yields nothing; promtool check rules has no objection either. Bounds with a fraction are equal in both.
#
# It compiles promtool, which takes minutes where it is not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire github.com/prometheus/prometheus v0.315.0\n\ntool github.com/prometheus/prometheus/cmd/promtool\n' > go.mod
cat > main.go <<'GO'
// The program prints the series of an exposition as a scrape stores them.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	parser := must(textparse.New(must(os.ReadFile(os.Args[1])), "text/plain; version=0.0.4", labels.NewSymbolTable(), textparse.ParserOptions{}))
	for {
		entry, err := parser.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(err)
		}
		if entry == textparse.EntrySeries {
			var series labels.Labels
			parser.Labels(&series)
			fmt.Println("  " + series.String())
		}
	}
}
GO
cat > metrics <<'TEXT'
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.5"} 8
latency_seconds_bucket{le="1"} 9
latency_seconds_bucket{le="+Inf"} 10
latency_seconds_sum 7
latency_seconds_count 10
TEXT
cat > rules.yaml <<'YAML'
groups:
- name: objectives
  rules:
  - record: below_a_second
    expr: rate(latency_seconds_bucket{le="1"}[5m])
YAML
cat > test.yaml <<'YAML'
rule_files: [rules.yaml]
tests:
- interval: 1m
  input_series: [{series: 'latency_seconds_bucket{le="1"}', values: 0+60x10}]
  promql_expr_test:
  - {expr: below_a_second, eval_time: 10m, exp_samples: [{labels: 'below_a_second{le="1"}', value: 1}]}
YAML
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -tags remove_all_sd -o promtool github.com/prometheus/prometheus/cmd/promtool
{
  echo 'promtool check rules:' "$(./promtool check rules --lint=all rules.yaml | grep -o SUCCESS)"
  echo 'promtool test rules:' "$(./promtool test rules test.yaml | grep -o SUCCESS)"
  echo 'scraped:'
  go run . metrics
} > output
cat output
diff - output <<'OUT'
promtool check rules: SUCCESS
promtool test rules: SUCCESS
scraped:
  {__name__="latency_seconds_bucket", le="0.5"}
  {__name__="latency_seconds_bucket", le="1.0"}
  {__name__="latency_seconds_bucket", le="+Inf"}
  {__name__="latency_seconds_sum"}
  {__name__="latency_seconds_count"}
OUT
echo 'as described'
