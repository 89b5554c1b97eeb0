// Package devices says which accelerators there are, who holds them, and how they are: what
// Kubernetes counts, joined with what exporters say.
//
//	Store   keeps the newest Inventory, and tells who waits for another
//	Inventory   nodes, pods, projects and a snapshot of metrics at one time; it never changes
//	View  a Inventory as one person may see it
//
// Kubernetes knows how many devices a pod holds, and exporters which ones. Neither is made
// up from the other: without Prometheus there are counts and no devices, and what no
// exporter says is absent, never 0.
package devices
