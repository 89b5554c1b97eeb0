#!/usr/bin/env bash
# github.com/kedacore/keda/v2 v2.21.0: a Prometheus trigger takes a missing metric for 0.
#
# Expected: a query without a result is an error, as a metric that an adapter does not have is for a HorizontalPodAutoscaler: the number of
# replicas stays until the load is known again.
# Observed: no result, and NaN, are a load of 0. If Prometheus no longer scrapes the servers, or has lost its data, all of them but the minimum are
# removed while they serve. ignoreNullValues: "false" makes it an error; for a minimum of 0, the error would then last as long as there are no pods.
#
# The program has a server answer as Prometheus does. KEDA's package of scalers has clients of all clouds: it is compiled from a copy in the
# temporary folder without the other scalers, which takes minutes where its packages are not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
go mod download -json github.com/kedacore/keda/v2@v2.21.0 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p' | xargs -I{} cp -r {} keda
chmod -R u+w keda
find keda/pkg/scalers -maxdepth 1 -name '*.go' ! -name scaler.go ! -name prometheus_scaler.go -delete
printf 'package scalers\n\n// The file of another scaler has it.\nconst externalMetricType = "External"\n' > keda/pkg/scalers/external.go
# The versions that KEDA was released with, and its replacements.
sed 's,^module .*,module finding\n\nrequire github.com/kedacore/keda/v2 v2.21.0\n\nreplace github.com/kedacore/keda/v2 => ./keda,' keda/go.mod > go.mod
cp keda/go.sum go.sum
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
)

func measure(url string, settings map[string]string) string {
	metadata := map[string]string{"serverAddress": url, "query": "sum(requests)", "threshold": "10"}
	for key, value := range settings {
		metadata[key] = value
	}
	scaler, err := scalers.NewPrometheusScaler(&scalersconfig.ScalerConfig{TriggerMetadata: metadata, GlobalHTTPTimeout: time.Second})
	if err != nil {
		panic(err)
	}
	metrics, active, err := scaler.GetMetricsAndActivity(context.Background(), "requests")
	if err != nil {
		return "error"
	}
	return fmt.Sprintf("%s, active %t", metrics[0].Value.String(), active)
}

func main() {
	for _, result := range []string{`{"metric":{},"value":[0,"20"]}`, ``, `{"metric":{},"value":[0,"NaN"]}`} {
		prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, result)
		}))
		fmt.Printf("[%s]\n  by default: %s\n", result, measure(prometheus.URL, nil))
		fmt.Printf("  ignoreNullValues false: %s\n", measure(prometheus.URL, map[string]string{"ignoreNullValues": "false"}))
		prometheus.Close()
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
[{"metric":{},"value":[0,"20"]}]
  by default: 20, active true
  ignoreNullValues false: 20, active true
[]
  by default: 0, active false
  ignoreNullValues false: error
[{"metric":{},"value":[0,"NaN"]}]
  by default: 0, active false
  ignoreNullValues false: error
OUT
echo 'as described'
