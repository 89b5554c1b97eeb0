#!/usr/bin/env bash
# github.com/prometheus/prometheus v0.315.0: after a restart of Prometheus, an alert with a `for` of less than ten minutes begins again.
#
# Expected: Prometheus stores since when an alert is active (ALERTS_FOR_STATE) and restores it when it starts, so that an alert that
# fired before a restart fires after it, whatever its `for`.
# Observed: only an alert whose `for` is at least rules.alert.for-grace-period, 10m by default, is restored. One with 5m is pending for
# five minutes more; what it notified is resolved meanwhile, and notified again. The shorter `for`, the more urgent an alert mostly is.
#
# The program evaluates rules as Prometheus does, with times of its own.
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

// newGroup returns alerts whose condition always holds.
func newGroup(db *tsdb.DB, holds ...time.Duration) *rules.Group {
	log, none := slog.New(slog.DiscardHandler), labels.EmptyLabels()
	language := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1000, Timeout: time.Minute, Parser: language})
	condition := must(language.ParseExpr("vector(1)"))
	var alerts []rules.Rule
	for _, hold := range holds {
		alerts = append(alerts, rules.NewAlertingRule("for "+hold.String(), condition, hold, 0, none, none, none, "", false, log))
	}
	return rules.NewGroup(rules.GroupOptions{Name: "alerts", File: "alerts", Interval: time.Minute, Rules: alerts, ShouldRestore: true, Opts: &rules.ManagerOptions{
		Context: context.Background(), Appendable: db, Queryable: db, Logger: log,
		QueryFunc: rules.EngineQueryFunc(engine, db), NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		// The defaults of rules.alert.for-outage-tolerance and rules.alert.for-grace-period.
		OutageTolerance: time.Hour, ForGracePeriod: 10 * time.Minute,
	}})
}

func main() {
	db := must(tsdb.Open(must(os.MkdirTemp(".", "tsdb")), nil, nil, tsdb.DefaultOptions(), nil))
	now := time.UnixMilli(0)
	var group *rules.Group
	evaluate := func(minutes int) {
		for range minutes {
			now = now.Add(time.Minute)
			rules.DefaultEvalIterationFunc(context.Background(), group, now)
		}
	}
	// start is what Prometheus does when it starts: it evaluates the group and then restores.
	start := func() {
		group = newGroup(db, 5*time.Minute, 9*time.Minute, 15*time.Minute)
		evaluate(1)
		group.RestoreForState(now)
	}
	show := func(title string) {
		fmt.Println(title)
		for _, hold := range []string{"for 5m0s", "for 9m0s", "for 15m0s"} {
			for _, alert := range group.AlertingRules() {
				if alert.Name() == hold {
					fmt.Printf("  %s: %s\n", hold, alert.State())
				}
			}
		}
	}
	start()
	evaluate(59)
	show("active for an hour:")
	start()
	evaluate(1)
	show("a minute after a restart:")
	evaluate(4)
	show("five minutes after a restart:")
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
active for an hour:
  for 5m0s: firing
  for 9m0s: firing
  for 15m0s: firing
a minute after a restart:
  for 5m0s: pending
  for 9m0s: pending
  for 15m0s: firing
five minutes after a restart:
  for 5m0s: firing
  for 9m0s: pending
  for 15m0s: firing
OUT
echo 'as described'
