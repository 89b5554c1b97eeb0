// Package devices joins the accelerators that Kubernetes counts with those that exporters
// describe.
//
//   - Store holds the current Inventory and notifies subscribers of changes.
//   - Inventory joins nodes, pods, projects and a snapshot of metrics. It is immutable.
//   - View is the part of an Inventory that one user may see.
//
// Kubernetes reports how many devices a pod holds, exporters report which. Neither is derived
// from the other: without Prometheus there are counts and no devices, and a value that no
// exporter reports is absent, never 0.
package devices
