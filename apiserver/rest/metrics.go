package rest

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are by method and route template. No label has a client's text.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewMetrics registers the metrics of requests, and that of open streams.
func NewMetrics(registry prometheus.Registerer, streams *Streams) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_apiserver_requests_total", Help: "Requests served, by method, route template and status.",
		}, []string{"method", "route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nufi_apiserver_request_seconds", Help: "Time that a request takes, by method and route template.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "nufi_apiserver_requests_in_flight", Help: "Requests being served.",
		}),
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nufi_apiserver_streams", Help: "Streams that are open.",
	}, func() float64 { return float64(streams.Open()) })
	for _, collector := range []prometheus.Collector{m.requests, m.seconds, m.inFlight, open} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}
