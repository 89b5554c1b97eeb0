// Package e2e serves a model on a real node: the control plane of package cluster, a
// kubelet with containerd and runc, the device plugin's bundle over a fake host's X330s,
// the controller, a server in a container that tells what it was given, and the API
// server, which reads that container's log.
//
// The steps: TestMain compiles what runs and starts the test binary again in
// namespaces of its own; that one starts everything and looks at it as a user would,
// with kubectl and over HTTP.
//
// What always holds:
//   - The machine stays as it was. Processes, mounts, network and the kernel parameters
//     that a kubelet sets live in the namespaces and end with them; what a node writes
//     below /run and /var is kept in memory. Only a test that is killed leaves something,
//     and nothing that disturbs: a temporary folder and empty control groups.
//   - Runs share nothing, and no kubelet of the machine's own is touched: paths and
//     ports that a node insists on are private.
//
// It takes root, and Debian's containerd, runc, containernetworking-plugins and
// iproute2; without them, and with -short, the test is skipped and says so. It knows the
// programs by their command lines, and imports nothing of the product but its API.
package e2e
