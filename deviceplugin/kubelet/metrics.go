package kubelet

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts the calls between the plugin and the kubelet.
type Metrics struct {
	allocations   *prometheus.CounterVec
	preparations  *prometheus.CounterVec
	registrations *prometheus.CounterVec
	preferred     prometheus.Histogram
}

// NewMetrics creates and registers the metrics.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"result"})
		for _, result := range []string{"success", "failure"} {
			c.WithLabelValues(result) // a rate starts from zero
		}
		registerer.MustRegister(c)
		return c
	}
	m := &Metrics{
		allocations:   counter("nufi_deviceplugin_allocations_total", "Allocate calls of the kubelet."),
		preparations:  counter("nufi_deviceplugin_preparations_total", "Checks of devices before a container started."),
		registrations: counter("nufi_deviceplugin_registrations_total", "Attempts to register with the kubelet."),
		preferred: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "nufi_deviceplugin_preferred_allocation_seconds",
			Help:    "Time to choose the devices of a container.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 4, 8),
		}),
	}
	registerer.MustRegister(m.preferred)
	return m
}

func (m *Metrics) allocated(err error)  { m.allocations.WithLabelValues(result(err)).Inc() }
func (m *Metrics) prepared(err error)   { m.preparations.WithLabelValues(result(err)).Inc() }
func (m *Metrics) registered(err error) { m.registrations.WithLabelValues(result(err)).Inc() }

func result(err error) string {
	if err != nil {
		return "failure"
	}
	return "success"
}
