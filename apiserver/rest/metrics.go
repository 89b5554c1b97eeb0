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

// buckets, in seconds, reach the longest time that a request may take.
func buckets() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 75}
}

// NewMetrics registers the metrics of requests, and that of open streams.
func NewMetrics(registry prometheus.Registerer, streams *Streams) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_apiserver_requests_total", Help: "Requests served, by method, route template and status.",
		}, []string{"method", "route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nufi_apiserver_request_seconds", Help: "Time that a request takes, by method and route template.",
			Buckets: buckets(),
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "nufi_apiserver_requests_in_flight", Help: "Requests being served.",
		}),
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nufi_apiserver_streams", Help: "Streams that are open.",
	}, func() float64 { return float64(streams.Open()) })
	for _, collector := range []prometheus.Collector{m.requests, m.seconds, m.inFlight, open, streams.ends} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}
