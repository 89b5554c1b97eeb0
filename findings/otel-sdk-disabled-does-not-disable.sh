#!/usr/bin/env bash
# go.opentelemetry.io/otel/sdk v1.44.0: OTEL_SDK_DISABLED=true does not disable the SDK.
#
# Expected: the variable that OpenTelemetry's specification has to "disable the SDK for all signals" makes all tracers do nothing, as
# it does in other languages. An operator can switch off the traces of any program by it.
# Observed: the Go SDK does not read it, while it reads OTEL_TRACES_SAMPLER and the others of the specification: spans are recorded and exported.
# A program must read it itself.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire go.opentelemetry.io/otel/sdk v1.44.0\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func main() {
	exporter := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
	_, span := provider.Tracer("finding").Start(context.Background(), "request")
	span.End()
	fmt.Printf("%d spans exported\n", len(exporter.GetSpans()))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
for setting in OTEL_TRACES_SAMPLER=always_off OTEL_SDK_DISABLED=true; do
  echo "$setting: $(env "$setting" go run .)"
done > output
cat output
diff - output <<'OUT'
OTEL_TRACES_SAMPLER=always_off: 0 spans exported
OTEL_SDK_DISABLED=true: 1 spans exported
OUT
echo 'as described'
