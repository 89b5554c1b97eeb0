// Package quota tests servers that a queue admits: NuFi's controller with Kueue's and LeaderWorkerSet's, on
// simulated nodes.
package quota
