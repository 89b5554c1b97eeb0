package main

import (
	"context"
	"net/http"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"

	"github.com/dudaji/nufi/apiserver/tracing"
)

// traced creates spans if the environment names a collector, and does nothing otherwise.
type traced struct {
	tracing *tracing.Tracing
	log     logr.Logger
}

func openTracing(ctx context.Context, log logr.Logger) (traced, error) {
	if !tracing.Configured() {
		return traced{}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Error(err, "Exporting traces failed") }))
	opened, err := tracing.New(ctx, "nufi-apiserver")
	return traced{opened, log}, err
}

func (t traced) requests(next http.Handler) http.Handler {
	if t.tracing == nil {
		return next
	}
	return t.tracing.Requests(next)
}

func (t traced) calls(next http.RoundTripper) http.RoundTripper {
	if t.tracing == nil {
		return next
	}
	return t.tracing.Calls(next)
}

func (t traced) close(ctx context.Context) {
	if t.tracing == nil {
		return
	}
	if err := t.tracing.Close(ctx); err != nil {
		t.log.Error(err, "Exporting the last traces failed")
	}
}
