package live

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// RegisterMetrics registers the age of each cache.
func (c *Cache) RegisterMetrics(registry prometheus.Registerer) error {
	for _, resource := range []string{NpuDeploys, Projects, Nodes, Pods} {
		age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "nufi_apiserver_cache_age_seconds",
			Help:        "Time since when the cache of a resource cannot be updated; 0 while it is up to date.",
			ConstLabels: prometheus.Labels{"resource": resource},
		}, func() float64 {
			since := c.UnreachableSince(resource)
			if since.IsZero() {
				return 0
			}
			return c.clock().Sub(since).Seconds()
		})
		if err := registry.Register(age); err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}
