// Package quota tests servers that a queue admits: NuFi's controller with Kueue's, LeaderWorkerSet's and
// KubeRay's, on simulated nodes.
package quota
