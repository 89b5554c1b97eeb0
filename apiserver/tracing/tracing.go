// Package tracing sends traces to an OpenTelemetry collector: a span for each request, and
// below it one for each call to Kubernetes, whose API server continues the trace if it is
// told to. Paths and the URLs of calls are in spans; no header and no body is.
//
// It is configured by the environment, as OpenTelemetry specifies:
// OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) names the collector,
// which has to speak OTLP over gRPC; OTEL_TRACES_SAMPLER and the like say the rest.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
package tracing

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// flushTime is how long the last spans may take to be sent.
const flushTime = 5 * time.Second

// Tracing makes spans and sends them.
type Tracing struct{ provider *trace.TracerProvider }

// Configured says whether the environment names a collector.
func Configured() bool {
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// New returns a Tracing in the name of service, which OTEL_SERVICE_NAME replaces. It waits
// for no collector: what cannot be sent is dropped.
func New(ctx context.Context, service string) (*Tracing, error) {
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("sending traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(service)), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("describing the service in traces: %w", err)
	}
	return &Tracing{trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about))}, nil
}

// Requests makes a span of each request. A client's own trace is linked, not continued:
// whether spans are made is not for clients to say.
func (t *Tracing) Requests(next http.Handler) http.Handler {
	return otelhttp.NewHandler(next, "request", append(t.options(), otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }))...)
}

// Calls makes a span of each call that a request causes.
func (t *Tracing) Calls(next http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(next, t.options()...)
}

func (t *Tracing) options() []otelhttp.Option {
	return []otelhttp.Option{otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{})}
}

// Close sends what has been made so far.
func (t *Tracing) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	return t.provider.Shutdown(ctx)
}
