#!/usr/bin/env bash
# github.com/prometheus/prometheus v0.315.0: promtool test rules evaluates each group at evaluation_interval, whatever its own interval.
#
# Expected: a test evaluates a group as Prometheus does: at its own interval, and at evaluation_interval, which has the name of Prometheus' global
# setting and is a default there, if it has none. A test at minute 4 then finds out that an alert for 2m of a group with interval 10m is late.
# Observed: the interval of the group is not used. The test passes with an alert that fires at minute 4; in Prometheus it fires at minute 10, with
# the second evaluation. Likewise, a range of 5m over a series that a rule records every ten minutes has a value in
# tests, and is empty half of the time. promtool check rules has no objection to either.
#
# The program evaluates the same file as Prometheus' rule manager does. It compiles promtool, which takes minutes where it is not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire github.com/prometheus/prometheus v0.315.0\n\ntool github.com/prometheus/prometheus/cmd/promtool\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ctx, log, language := context.Background(), slog.New(slog.DiscardHandler), parser.NewParser(parser.Options{})
	db := must(tsdb.Open(must(os.MkdirTemp(".", "tsdb")), nil, nil, tsdb.DefaultOptions(), nil))
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1000, Timeout: time.Minute, Parser: language})
	manager := rules.NewManager(&rules.ManagerOptions{
		Context: ctx, Appendable: db, Queryable: db, Logger: log, Parser: language,
		QueryFunc: rules.EngineQueryFunc(engine, db), NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	// A minute is Prometheus' default of evaluation_interval.
	groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, os.Args[1])
	if errs != nil {
		panic(errs)
	}
	for minute := range 11 {
		at := time.Unix(0, 0).Add(time.Duration(minute) * time.Minute)
		appender := db.Appender(ctx)
		must(appender.Append(0, labels.FromStrings("__name__", "up", "job", "npu"), at.UnixMilli(), 0))
		if err := appender.Commit(); err != nil {
			panic(err)
		}
		for _, group := range groups {
			if at.UnixMilli()%group.Interval().Milliseconds() == 0 {
				rules.DefaultEvalIterationFunc(ctx, group, at)
			}
			if minute == 4 || minute == 10 {
				fmt.Printf("Prometheus, interval %s, minute %d: %s\n", group.Interval(), minute, group.AlertingRules()[0].State())
			}
		}
	}
}
GO
cat > rules.yaml <<'YAML'
groups:
- name: exporters
  interval: 10m
  rules:
  - alert: ExporterDown
    expr: up == 0
    for: 2m
YAML
cat > test.yaml <<'YAML'
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series: [{series: 'up{job="npu"}', values: 0x20}]
  alert_rule_test:
  - {alertname: ExporterDown, eval_time: 1m, exp_alerts: []}
  - {alertname: ExporterDown, eval_time: 4m, exp_alerts: [{exp_labels: {job: npu}}]}
YAML
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -tags remove_all_sd -o promtool github.com/prometheus/prometheus/cmd/promtool
{
  echo 'promtool check rules:' "$(./promtool check rules --lint=all rules.yaml | grep -o SUCCESS)"
  echo 'promtool test rules, firing at minute 4:' "$(./promtool test rules test.yaml | grep -o SUCCESS)"
  go run . rules.yaml
} > output
cat output
diff - output <<'OUT'
promtool check rules: SUCCESS
promtool test rules, firing at minute 4: SUCCESS
Prometheus, interval 10m0s, minute 4: pending
Prometheus, interval 10m0s, minute 10: firing
OUT
echo 'as described'
