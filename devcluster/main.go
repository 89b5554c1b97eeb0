// Command kube is a Kubernetes control plane in one binary: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, kubelet, kubectl and KWOK, compiled from
// their Go modules. The name it is called by, or else its first argument, says which
// of them it is, so that a folder of links to it serves as KUBEBUILDER_ASSETS.
//
// It is a Go module of its own: what the product requires must never follow what
// Kubernetes itself requires. It imports nothing of ours, and nothing imports it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	args := os.Args
	run, ok := applets()[filepath.Base(args[0])]
	if !ok && len(args) > 1 {
		args = args[1:]
		run, ok = applets()[args[0]]
	}
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: kube PROGRAM [ARG ...], where PROGRAM is one of")
		for _, name := range names() {
			fmt.Fprintln(os.Stderr, "  "+name)
		}
		os.Exit(2)
	}
	os.Args = args // Every one of them reads its flags from here.
	os.Exit(run())
}
