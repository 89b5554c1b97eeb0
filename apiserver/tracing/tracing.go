// Package tracing sends traces to an OpenTelemetry collector: a span for each request, with a
// child for each call to Kubernetes, whose API server continues the trace if it is configured
// to. Spans contain paths and URLs, but neither headers nor bodies.
//
// It is configured by the environment, as OpenTelemetry specifies:
// OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) names the collector,
// which must support OTLP over gRPC; OTEL_TRACES_SAMPLER and the like also apply.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// flushTimeout bounds the export of the last spans.
const flushTimeout = 5 * time.Second

// Tracing creates and exports spans.
type Tracing struct{ provider *trace.TracerProvider }

// New returns a Tracing for service, which OTEL_SERVICE_NAME replaces. It does not wait for the
// collector: spans that cannot be exported are dropped.
func New(ctx context.Context, service string) (*Tracing, error) {
	if err := errors.Join(checkEndpoint(), checkExporter(), checkSampler()); err != nil {
		return nil, err
	}
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

// Requests creates a span for each request. A client's trace is linked, not continued: clients
// must not control sampling.
func (t *Tracing) Requests(next http.Handler) http.Handler {
	return otelhttp.NewHandler(next, "request", append(t.options(), otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }))...)
}

// Calls creates a span for each call that a request causes.
func (t *Tracing) Calls(next http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(next, t.options()...)
}

func (t *Tracing) options() []otelhttp.Option {
	return []otelhttp.Option{otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{})}
}

// Close exports the remaining spans.
func (t *Tracing) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return t.provider.Shutdown(ctx)
}
