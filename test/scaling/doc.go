// Package scaling tests replicas that KEDA sets: NuFi's controller with KEDA's, LeaderWorkerSet's and Kubernetes' own.
package scaling
