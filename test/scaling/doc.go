// Package scaling tests replicas that KEDA sets: NuFi's controller with KEDA's, and Kubernetes' own controllers.
package scaling
