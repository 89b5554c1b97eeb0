// Package groups tests replicas that span nodes: NuFi's controller with the controller of
// LeaderWorkerSet, on simulated nodes.
package groups
