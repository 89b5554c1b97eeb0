// Package kubelet proves the device plugin on the kubelet's own code.
//
// Its tests run the kubelet's device manager, topology manager and pod-resources
// server in the test process, in a folder of their own, beside the plugin as a
// process with a folder for a host. Nothing of Kubernetes is imitated: what
// registers, admits, checkpoints and forgets is what runs on a node.
//
// One test more adds the API server and the scheduler that `nufi up` starts, and lets
// a pod of high priority take the devices of another.
//
// It is a Go module of its own, so that the product's go.mod stays free of
// k8s.io/kubernetes, and it knows the product by its command line alone.
package kubelet
