// Package monitoring runs every expression of bundle/monitoring on Prometheus's storage, engine,
// rule evaluation and HTTP API, over recorded expositions. It is a separate module because
// Prometheus is large.
package monitoring
