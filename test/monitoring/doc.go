// Package monitoring runs every expression of bundle/monitoring on Prometheus itself:
// the storage, the engine, the rule evaluation and the HTTP API are the real ones, fed
// with recorded expositions. It is a module of its own because Prometheus is large.
package monitoring
