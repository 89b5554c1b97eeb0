// Command kubelet is Kubernetes' kubelet, for a test with a real node. The simulated nodes of the
// control plane require none.
package main

import (
	"context"
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kubelet/app"
)

func main() { os.Exit(cli.Run(app.NewKubeletCommand(context.Background()))) }
