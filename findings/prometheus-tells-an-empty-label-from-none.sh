#!/usr/bin/env bash
# github.com/prometheus/prometheus v0.315.0: a scrape treats a label with an empty value otherwise than a label that is absent, and gives free devices the exporter's pod.
#
# Expected: both are the same, as Prometheus' data model says. Without honor_labels, the target's label stays, and that of the series becomes
# exported_…; with honor_labels, the target's label fills in what the series does not have.
# Observed: exporters of devices write pod="" for a free device, or no pod. Without honor_labels, a free device has no exported_pod, and the pod of the
# exporter in its place: it looks as if the exporter held it. With honor_labels, an empty label removes that of the target, and an
# absent one does not: whether a free device is held by the exporter depends on how it writes nothing. Only a target without the label is safe.
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
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
)

const exposition = `utilization{device="0",pod="llama-8b-0"} 1
utilization{device="1",pod=""} 0
utilization{device="2"} 0
`

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	log := slog.New(slog.DiscardHandler)
	scrapes := make(chan struct{})
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case scrapes <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, exposition)
	}))
	defer exporter.Close()
	for _, options := range []string{"honor_labels: false", "honor_labels: true"} {
		db := must(tsdb.Open(must(os.MkdirTemp(".", "tsdb")), nil, nil, tsdb.DefaultOptions(), nil))
		manager := must(scrape.NewManager(&scrape.Options{DiscoveryReloadInterval: model.Duration(10 * time.Millisecond)},
			log, nil, db, nil, prometheus.NewRegistry()))
		if err := manager.ApplyConfig(must(config.Load(`
global: {scrape_interval: 1s}
scrape_configs: [{job_name: exporter, `+options+`}]`, log))); err != nil {
			panic(err)
		}
		targets := make(chan map[string][]*targetgroup.Group)
		go func() { _ = manager.Run(targets) }()
		// As in Kubernetes, a target has the pod of the exporter.
		targets <- map[string][]*targetgroup.Group{"exporter": {{Targets: []model.LabelSet{{
			"__address__": model.LabelValue(strings.TrimPrefix(exporter.URL, "http://")), "pod": "dcgm-exporter-x7k2p"}}}}}
		// The second scrape begins after the first has been stored.
		<-scrapes
		<-scrapes
		manager.Stop()
		querier := must(db.Querier(math.MinInt64, math.MaxInt64))
		series := querier.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "utilization"))
		fmt.Println(options)
		for series.Next() {
			stored := series.At().Labels()
			fmt.Printf("  device %s: pod=%q exported_pod=%q\n", stored.Get("device"), stored.Get("pod"), stored.Get("exported_pod"))
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
honor_labels: false
  device 0: pod="dcgm-exporter-x7k2p" exported_pod="llama-8b-0"
  device 1: pod="dcgm-exporter-x7k2p" exported_pod=""
  device 2: pod="dcgm-exporter-x7k2p" exported_pod=""
honor_labels: true
  device 0: pod="llama-8b-0" exported_pod=""
  device 1: pod="" exported_pod=""
  device 2: pod="dcgm-exporter-x7k2p" exported_pod=""
OUT
echo 'as described'
