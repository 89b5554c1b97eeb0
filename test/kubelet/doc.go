// Package kubelet tests the device plugin with the kubelet's own code.
//
// Its tests run the kubelet's device manager, topology manager and pod-resources server in the test
// process, and the plugin as a process with a folder as host. No part of Kubernetes is simulated.
// One more test adds the API server and the scheduler of `nufi up`, and lets a pod of high priority
// preempt another one.
//
// It is a separate Go module, so that the product's go.mod does not require k8s.io/kubernetes, and
// uses the product by its command line only.
package kubelet
