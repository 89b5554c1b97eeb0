package fetchers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// exactNames responds to queries of one metric name, and rejects regular expressions with an error.
type exactNames struct {
	err     error
	queries int
}

func (e *exactNames) Query(_ context.Context, expression string, at time.Time) (QueryResult, error) {
	e.queries++
	if strings.Contains(expression, "=~") {
		return QueryResult{}, fmt.Errorf("%w: metric names must be exact", e.err)
	}
	name, _, _ := strings.Cut(expression, "[")
	labels := metric{"__name__": name, "device": "npu0", "kubernetes_node_name": "n1", "core": "0", "label": "peak"}
	return QueryResult{Warnings: []string{"partial"}, Samples: []Sample{{Labels: labels, Value: 1, Time: at}}}, nil
}

// Google Cloud's managed Prometheus has no regular expressions on metric names.
func TestFetchMetricsQueriesByNameIfTheQueryIsRejected(t *testing.T) {
	for _, err := range []error{ErrRejected, ErrTooLarge} {
		querier := &exactNames{err: err}
		now := noon
		fetcher := NewFetcher(Furiosa(), DefaultMaxAge, func() time.Time { return now })
		for range 3 {
			devices, diagnostics, err := fetcher.FetchMetrics(t.Context(), querier)
			if err != nil {
				t.Fatal(err)
			}
			status := devices["n1"]["npu0"]
			if status == nil || status.Utilization == nil || status.MemoryUsed == nil || status.Health == nil {
				t.Errorf("got %+v", status)
			}
			if len(diagnostics.Warnings) != 1 {
				t.Errorf("got warnings %q", diagnostics.Warnings)
			}
			now = now.Add(byNameFor / 2)
		}
		if names := len(Furiosa().names()); querier.queries != 2+3*names {
			t.Errorf("%d queries, want two rejected, the second after %s, and thrice %d", querier.queries, byNameFor, names)
		}
	}
	floods := &floods{}
	_, _, err := NewFetcher(Furiosa(), DefaultMaxAge, func() time.Time { return noon }).FetchMetrics(t.Context(), floods)
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "furiosa_npu_alive[7m0s] alone: scrape at a longer interval") {
		t.Errorf("of a metric that is too large: %v", err)
	}
	unreachable := &exactNames{err: ErrUnreachable}
	if _, _, err := NewFetcher(Furiosa(), DefaultMaxAge, func() time.Time { return noon }).FetchMetrics(t.Context(), unreachable); !errors.Is(err, ErrUnreachable) || unreachable.queries != 1 {
		t.Errorf("%d queries, got %v", unreachable.queries, err)
	}
}

// floods has too many series of each metric.
type floods struct{}

func (floods) Query(context.Context, string, time.Time) (QueryResult, error) {
	return QueryResult{}, ErrTooLarge
}

// A server may have any number of series of each metric.
func TestSeriesOfAVendorAreBounded(t *testing.T) {
	querier := &manySeries{}
	_, _, err := NewFetcher(Furiosa(), DefaultMaxAge, func() time.Time { return noon }).FetchMetrics(t.Context(), querier)
	if !errors.Is(err, ErrTooLarge) || querier.queries != 1+3 {
		t.Errorf("after %d queries: %v", querier.queries, err)
	}
}

// manySeries has 100,001 series of each metric, and rejects queries of several metrics.
type manySeries struct{ queries int }

func (m *manySeries) Query(_ context.Context, expression string, _ time.Time) (QueryResult, error) {
	m.queries++
	if strings.Contains(expression, "=~") {
		return QueryResult{}, ErrRejected
	}
	return QueryResult{Samples: make([]Sample, maxSamples/3+1)}, nil
}
