// Command kube is a Kubernetes control plane in one binary: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, kubectl and KWOK, compiled from their Go
// modules. The name by which it is called, or its first argument, selects the
// program, so that a folder of links to it can be used as KUBEBUILDER_ASSETS.
//
// It is a separate Go module, because NuFi's own dependencies must not follow those of
// Kubernetes. It imports no package of NuFi, and no package imports it.
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
	os.Args = args // The programs read their flags from os.Args.
	os.Exit(run())
}
