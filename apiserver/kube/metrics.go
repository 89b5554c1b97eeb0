package kube

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/transport"
)

// CallMetrics times the calls to Kubernetes' API server.
type CallMetrics struct{ seconds *prometheus.HistogramVec }

// NewCallMetrics registers the metrics.
func NewCallMetrics(registry prometheus.Registerer) (*CallMetrics, error) {
	m := &CallMetrics{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "nufi_apiserver_kubernetes_request_seconds",
		Help:    "Time until Kubernetes' API server responds, by caller (user, server), method and status; code is error without a response.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
	}, []string{"caller", "method", "code"})}
	if err := registry.Register(m.seconds); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return m, nil
}

// Wrapper returns a wrapper for the transport of a caller.
func (m *CallMetrics) Wrapper(caller string) transport.WrapperFunc {
	seconds := m.seconds.MustCurryWith(prometheus.Labels{"caller": caller})
	return func(next http.RoundTripper) http.RoundTripper { return timedTransport{next, seconds} }
}

type timedTransport struct {
	next    http.RoundTripper
	seconds prometheus.ObserverVec
}

// RoundTrip times the request until the header of the response.
func (t timedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	response, err := t.next.RoundTrip(r)
	code := "error"
	if err == nil {
		code = strconv.Itoa(response.StatusCode)
	}
	t.seconds.WithLabelValues(r.Method, code).Observe(time.Since(start).Seconds())
	return response, err
}

// WrappedRoundTripper lets client-go find the underlying transport.
func (t timedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
