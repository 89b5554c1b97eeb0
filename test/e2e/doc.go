// Package e2e serves a model on a real node: the control plane of package cluster, a
// kubelet with containerd and runc, the device plugin's bundle over a fake host's X330s,
// the controller, a server in a container that reports its environment, and the API
// server, which reads that container's log. Chromium follows it, if there is one.
//
// TestMain compiles the programs and starts the test binary again in separate
// namespaces. That process starts the programs and uses them as a user does, with
// kubectl and over HTTP.
//
// Invariants:
//   - The machine does not change. Processes, mounts, network and the kernel parameters
//     that a kubelet sets end with the namespaces. Files below /run and /var are in
//     memory. A killed test leaves a temporary folder and empty control groups.
//   - Runs share nothing, and a kubelet of the machine is not affected: the paths and
//     ports of the node are private.
//
// The test requires root, and Debian's containerd, runc, containernetworking-plugins and
// iproute2. Otherwise, and with -short, it is skipped with the reason. It runs the
// programs by their command lines, and imports only the API of the product.
package e2e
