#!/usr/bin/env bash
# go.opentelemetry.io/otel/sdk v1.44.0: OTEL_TRACES_SAMPLER=off, or a ratio of 10%, makes a program trace every request.
#
# Expected: "off" or "none", as other variables of OpenTelemetry have it, samples nothing; a ratio that is no number, or above 1, is an error. What
# is meant to reduce traces does not increase them.
# Observed: what the SDK does not know, or cannot read, is as if it was not set: every trace is sampled. The program starts; only the handler of
# otel.SetErrorHandler gets the error, which is a line on stderr by default. A server in production, of which a tenth of the requests was to
# be traced, exports all. The name for nothing is always_off, and a ratio is 0.1.
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
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { fmt.Print("(", err, ") ") }))
	for _, setting := range [][2]string{{"always_off", ""}, {"off", ""}, {"none", ""}, {"traceidratio", "0"}, {"traceidratio", "10%"}, {"traceidratio", "10"}} {
		_ = os.Setenv("OTEL_TRACES_SAMPLER", setting[0])
		_ = os.Setenv("OTEL_TRACES_SAMPLER_ARG", setting[1])
		fmt.Print(setting[0], " ", setting[1], ": ")
		tracer := trace.NewTracerProvider().Tracer("finding")
		sampled := 0
		for range 1000 {
			if _, span := tracer.Start(context.Background(), "request"); span.SpanContext().IsSampled() {
				sampled++
			}
		}
		fmt.Println(sampled, "of 1000 sampled")
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
always_off : 0 of 1000 sampled
off : (unsupported sampler: off) 1000 of 1000 sampled
none : (unsupported sampler: none) 1000 of 1000 sampled
traceidratio 0: 0 of 1000 sampled
traceidratio 10%: (parsing sampler argument: strconv.ParseFloat: parsing "10%": invalid syntax) 1000 of 1000 sampled
traceidratio 10: (invalid trace ID ratio: greater than 1.0) 1000 of 1000 sampled
OUT
echo 'as described'
