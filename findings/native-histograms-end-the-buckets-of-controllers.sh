#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2 and github.com/prometheus/prometheus v0.315.0: with scrape_native_histograms, the buckets of a
# controller's durations are gone.
#
# Expected: Prometheus' setting scrape_native_histograms adds native histograms to what it stores. Classic histograms, and the dashboards and alerts
# that read their buckets, stay.
# Observed: of a histogram that has both forms, Prometheus then stores the native one alone, unless always_scrape_classic_histograms is set, too.
# Which histograms have both is the choice of the libraries that a program uses: those of controller-runtime do since v0.21, although no
# controller asks for it. histogram_quantile of controller_runtime_reconcile_time_seconds_bucket has no result from then on, while the
# histograms of the controller itself, without native buckets, go on: one half of a dashboard is empty.
#
# The program has the metric of controller-runtime and one of its own, and parses what they expose with the options that the settings of a scrape become.
# It has a path below controller-runtime's, because the metric is internal.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module sigs.k8s.io/controller-runtime/pkg/finding\n\ngo 1.26\n\nrequire (\n\tgithub.com/prometheus/prometheus v0.315.0\n\tsigs.k8s.io/controller-runtime v0.25.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	controller "sigs.k8s.io/controller-runtime/pkg/internal/controller/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// scrape prints which series of the histograms Prometheus stores. It accepts the protobuf format if it scrapes native histograms.
func scrape(title string, options textparse.ParserOptions) {
	kind := expfmt.TypeTextPlain
	if !options.IgnoreNativeHistograms {
		kind = expfmt.TypeProtoDelim
	}
	var exposition bytes.Buffer
	format := expfmt.NewFormat(kind)
	encoder := expfmt.NewEncoder(&exposition, format)
	families, err := metrics.Registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			panic(err)
		}
	}
	parser, err := textparse.New(exposition.Bytes(), string(format), labels.NewSymbolTable(), options)
	if err != nil {
		panic(err)
	}
	buckets, native := map[string]int{}, map[string]int{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		if entry != textparse.EntryHistogram && entry != textparse.EntrySeries {
			continue
		}
		var series labels.Labels
		parser.Labels(&series)
		if entry == textparse.EntryHistogram {
			native[series.Get(labels.MetricName)]++
			parser.Histogram() // As a scrape does. The classic one follows only then.
		} else if series.Has("le") {
			buckets[series.Get(labels.MetricName)]++
		}
	}
	fmt.Println(title)
	for _, name := range []string{"controller_runtime_reconcile_time_seconds", "own_seconds"} {
		fmt.Printf("  %s: buckets %t, native %t\n", name, buckets[name+"_bucket"] > 0, native[name] > 0)
	}
}

func main() {
	own := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "own_seconds", Buckets: []float64{0.1, 1}})
	metrics.Registry.MustRegister(own)
	own.Observe(0.3)
	controller.ReconcileTime.WithLabelValues("npu").Observe(0.3)
	scrape("by default", textparse.ParserOptions{IgnoreNativeHistograms: true})
	scrape("scrape_native_histograms", textparse.ParserOptions{})
	scrape("scrape_native_histograms, always_scrape_classic_histograms", textparse.ParserOptions{KeepClassicOnClassicAndNativeHistograms: true})
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
by default
  controller_runtime_reconcile_time_seconds: buckets true, native false
  own_seconds: buckets true, native false
scrape_native_histograms
  controller_runtime_reconcile_time_seconds: buckets false, native true
  own_seconds: buckets true, native false
scrape_native_histograms, always_scrape_classic_histograms
  controller_runtime_reconcile_time_seconds: buckets true, native true
  own_seconds: buckets true, native false
OUT
echo 'as described'
