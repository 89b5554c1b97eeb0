#!/usr/bin/env bash
# github.com/prometheus/prometheus v0.315.0: label_replace and label_join fail the whole query when two
# series become equal.
#
# Expected: label_replace works series by series, like the arithmetic that also drops labels: series that
# become equal are merged, or those two are left out, and the others are answered.
# Observed: the query fails with "vector cannot contain metrics with the same labelset". A recording rule or
# an alert over many nodes yields nothing as long as one node has two such series, and the rule's health is
# in /api/v1/rules only. A rule must aggregate by the labels that stay before it replaces one.
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
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

func main() {
	dir, err := os.MkdirTemp(".", "tsdb")
	if err != nil {
		panic(err)
	}
	db, err := tsdb.Open(dir, nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		panic(err)
	}
	now := time.UnixMilli(1_000_000)
	appender := db.Appender(context.Background())
	// Node a has a device in two partitions; node b has one device.
	for _, series := range []labels.Labels{
		labels.FromStrings("__name__", "up", "node", "a", "device", "0/0"),
		labels.FromStrings("__name__", "up", "node", "a", "device", "0/1"),
		labels.FromStrings("__name__", "up", "node", "b", "device", "0"),
	} {
		if _, err := appender.Append(0, series, now.UnixMilli(), 1); err != nil {
			panic(err)
		}
	}
	if err := appender.Commit(); err != nil {
		panic(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1000, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	for _, query := range []string{
		`label_replace(up{node="b"}, "device", "$1", "device", "([^/]+).*")`,
		`label_replace(up, "device", "$1", "device", "([^/]+).*")`,
		`label_replace(sum without (device) (up), "device", "all", "", "")`,
	} {
		parsed, err := engine.NewInstantQuery(context.Background(), db, nil, query, now)
		if err != nil {
			panic(err)
		}
		result := parsed.Exec(context.Background())
		if result.Err != nil {
			fmt.Printf("%s\n  error: %v\n", query, result.Err)
			continue
		}
		fmt.Printf("%s\n  %d series\n", query, strings.Count(result.String(), "=>"))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
label_replace(up{node="b"}, "device", "$1", "device", "([^/]+).*")
  1 series
label_replace(up, "device", "$1", "device", "([^/]+).*")
  error: vector cannot contain metrics with the same labelset
label_replace(sum without (device) (up), "device", "all", "", "")
  2 series
OUT
echo 'as described'
