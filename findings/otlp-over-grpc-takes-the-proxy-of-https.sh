#!/usr/bin/env bash
# go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.44.0, google.golang.org/grpc v1.82.1: traces to an http:// collector go through HTTPS_PROXY.
#
# Expected: as in all Go clients of HTTP, and in the exporter over HTTP, HTTP_PROXY holds for http:// and HTTPS_PROXY for https://. A
# program with HTTPS_PROXY, for an issuer of tokens on the internet, reaches http://collector.monitoring:4317 directly.
# Observed: gRPC asks the proxy of HTTPS_PROXY for a tunnel to the collector, whatever the scheme, and never reads HTTP_PROXY. Its documentation
# (Documentation/proxy.md) names HTTPS_PROXY and NO_PROXY only, and no scheme. The proxy does not reach a name of the cluster, so that no trace
# arrives and nothing but the exporter's own log says why. NO_PROXY has to name the collector.
#
# The program listens as two proxies, and prints the first line that each of them gets.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.44.0
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.44.0
	go.opentelemetry.io/otel/sdk v1.44.0
	google.golang.org/grpc v1.82.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// listenAs sets the variable to a proxy that sends the first line of each connection to lines, and closes it.
func listenAs(variable string, lines chan<- string) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	if err := os.Setenv(variable, "http://"+listener.Addr().String()); err != nil {
		panic(err)
	}
	go func() {
		for {
			connection := must(listener.Accept())
			line, _ := bufio.NewReader(connection).ReadString('\n')
			lines <- variable + " gets " + strings.TrimSpace(line)
			_ = connection.Close()
		}
	}()
}

func main() {
	lines := make(chan string, 100)
	listenAs("HTTP_PROXY", lines)
	listenAs("HTTPS_PROXY", lines)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	export := func(title string, client otlptrace.Client) {
		exporter := must(otlptrace.New(ctx, client))
		go func() { _ = exporter.ExportSpans(ctx, tracetest.SpanStubs{{Name: "a"}}.Snapshots()) }()
		fmt.Printf("%s: %s\n", title, <-lines)
	}
	const collector = "http://collector.monitoring:4317"
	export("over HTTP", otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(collector+"/v1/traces"), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})))
	export("over gRPC", otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL(collector), otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{})))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
env -u NO_PROXY -u no_proxy go run . > output
cat output
diff - output <<'OUT'
over HTTP: HTTP_PROXY gets POST http://collector.monitoring:4317/v1/traces HTTP/1.1
over gRPC: HTTPS_PROXY gets CONNECT collector.monitoring:4317 HTTP/1.1
OUT
echo 'as described'
