package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/dudaji/nufi/test/harness"
)

// spanCollector stores all spans that it receives.
type spanCollector struct {
	collector.UnimplementedTraceServiceServer

	mu    sync.Mutex
	spans []*spans.Span
}

func (r *spanCollector) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func (r *spanCollector) named(name string) *spans.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.spans, func(span *spans.Span) bool { return span.Name == name }); i >= 0 {
		return r.spans[i]
	}
	return nil
}

func collect(t *testing.T) *spanCollector {
	t.Helper()
	listener := harness.Listen(t)
	got, server := &spanCollector{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, got)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	return got
}

func TestRequestAndItsCallsAreOneTrace(t *testing.T) {
	got := collect(t)
	p := start(harness.New(t), "--dev-auth=ann", "--drain=0s")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/api/v1/me?namespace=default", nil)
	if err != nil {
		t.Fatal(err)
	}
	const foreign = "0af7651916cd43dd8448eb211c80319c"
	request.Header.Set("Traceparent", "00-"+foreign+"-b7ad6b7169203331-01")
	request.Header.Set("Cookie", "not-for-spans=1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if err := p.stop(); err != nil { // The server sends the remaining spans when it stops.
		t.Error(err)
	}

	incoming, call := got.named("GET /api/v1/me"), got.named("HTTP POST")
	if incoming == nil || call == nil {
		t.Fatalf("the span of the request is %v, that of its call %v", incoming, call)
	}
	if !slices.Equal(call.ParentSpanId, incoming.SpanId) || !slices.Equal(call.TraceId, incoming.TraceId) {
		t.Errorf("the call %s is not below its request %s", protojson.Format(call), protojson.Format(incoming))
	}
	text := protojson.Format(incoming) + protojson.Format(call)
	for _, want := range []string{"http.route", "nufi.request.id", "selfsubjectrulesreviews"} {
		if !strings.Contains(text, want) {
			t.Errorf("no span has %s: %s", want, text)
		}
	}
	if strings.Contains(text, "not-for-spans") {
		t.Errorf("a header is in a span: %s", text)
	}
	if len(incoming.ParentSpanId) > 0 || len(incoming.Links) != 1 {
		t.Errorf("the client's trace is not linked, or continued: %s", protojson.Format(incoming))
	}
}
