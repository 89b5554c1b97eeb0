package live

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the metric of the caches' age.
func (c *Cache) Collector() prometheus.Collector {
	return ages{c, prometheus.NewDesc("nufi_apiserver_cache_age_seconds",
		"Time since when the cache of a resource cannot be updated; 0 while it is up to date.", []string{"resource"}, nil)}
}

type ages struct {
	cache *Cache
	desc  *prometheus.Desc
}

// Describe sends the description.
func (a ages) Describe(descs chan<- *prometheus.Desc) { descs <- a.desc }

// Collect sends the age of each cache.
func (a ages) Collect(metrics chan<- prometheus.Metric) {
	for _, resource := range []string{NpuDeploys, Projects, Namespaces, Nodes, Pods} {
		age := 0.0
		if since := a.cache.UnreachableSince(resource); !since.IsZero() {
			age = a.cache.clock().Sub(since).Seconds()
		}
		metrics <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, age, resource)
	}
}
