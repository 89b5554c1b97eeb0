// Package exporter shows the devices to Prometheus: their health, who holds them, and
// what their sensors say.
//
// Invariants: everything is read at the scrape, within a bound, so that nothing is
// stale and nothing is polled for nobody; what cannot be read has no sample, never a
// made-up one; a device that nobody holds is visible as such, and only as long as
// the kubelet says who holds what; labels are bounded by the number of devices.
package exporter
