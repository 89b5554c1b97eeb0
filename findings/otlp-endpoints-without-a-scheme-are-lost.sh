#!/usr/bin/env bash
# go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.44.0: OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317 names no collector.
#
# Expected: the exporter for gRPC takes HOST:PORT, the usual target of gRPC, as OpenTelemetry's specification requires ("any form allowed by the
# underlying gRPC client implementation"), or New fails.
# Observed: it takes the host for the scheme of a URL, and is left with an empty address. New succeeds, and no connection is made: each export
# fails, which is logged where the program handles OpenTelemetry's errors. With http:// in front, the same address works.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.44.0
	go.opentelemetry.io/otel/sdk v1.44.0
	go.opentelemetry.io/proto/otlp v1.10.0
	google.golang.org/grpc v1.82.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

type server struct {
	collector.UnimplementedTraceServiceServer
	exports atomic.Int32
}

func (s *server) Export(_ context.Context, _ *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.exports.Add(1)
	return &collector.ExportTraceServiceResponse{}, nil
}

func export(endpoint string) (created, exported error) {
	if err := os.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return err, nil
	}
	return nil, exporter.ExportSpans(ctx, []trace.ReadOnlySpan{tracetest.SpanStub{Name: "request"}.Snapshot()})
}

func main() {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		panic(err)
	}
	received, traces := &server{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(traces, received)
	go func() { _ = traces.Serve(listener) }()
	for _, scheme := range []string{"http://", ""} {
		before := received.exports.Load()
		created, exported := export(fmt.Sprint(scheme, "localhost:", listener.Addr().(*net.TCPAddr).Port))
		fmt.Printf("%sHOST:PORT: New fails %t, export fails %t, the collector received %d\n",
			scheme, created != nil, exported != nil, received.exports.Load()-before)
	}
	traces.Stop()
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
http://HOST:PORT: New fails false, export fails false, the collector received 1
HOST:PORT: New fails false, export fails true, the collector received 0
OUT
echo 'as described'
