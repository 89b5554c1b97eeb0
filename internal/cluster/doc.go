// Package cluster runs a real Kubernetes control plane on this machine: what
// `nufi up` shows and what the tests run against.
//
// The steps: a Builder finds the programs or compiles them once (devcluster/, kept
// in the user's cache); Start claims a directory, chooses free ports, issues
// credentials from a new authority, and starts etcd, kube-apiserver and whatever
// else Options.Run names; Stop ends them all and waits until they are gone.
//
// What always holds:
//   - One cluster per directory. The claim is a lock on an open file that the
//     child processes inherit, so it ends when the last of them does, and a dead
//     owner blocks nobody.
//   - A half-made binary is never found: it is compiled aside and renamed. A build
//     removes those that have not been asked for in a week and do not run.
//   - Everything listens on loopback, and every connection verifies certificates, but
//     for those to kubelets, which make their own.
//   - No child outlives its parent on Linux, whatever ends the parent.
//
// It never imports k8s.io/kubernetes, and nothing of NuFi's own: it knows a
// control plane, not what is installed on it.
package cluster
