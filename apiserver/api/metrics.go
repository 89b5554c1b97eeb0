package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/limits"
)

// metrics are by method and route template: no label is a user's word.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer, streams *limits.Streams) (*metrics, error) {
	m := &metrics{
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
			return nil, err
		}
	}
	return m, nil
}
