package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/cmd/internal/program"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// clusterFlags select a cluster.
type clusterFlags struct{ kubeconfig, context string }

func (f *clusterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file (default $KUBECONFIG, or ~/.kube/config)")
	cmd.Flags().StringVar(&f.context, "context", "", "context of the kubeconfig (default the current one)")
}

func (f *clusterFlags) client() (client.WithWatch, error) {
	config, err := program.LoadKubeconfig(f.kubeconfig, f.context)
	if err != nil {
		return nil, err
	}
	config.WarningHandler = nil
	kube, err := client.NewWithWatch(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return kube, v1.AddToScheme(kube.Scheme())
}

// namespaceFlags select a namespace of a cluster.
type namespaceFlags struct {
	clusterFlags

	namespace string
}

func (f *namespaceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.namespace, "namespace", "n", "", "namespace (default: that of the context)")
	f.clusterFlags.add(cmd)
}

// client connects, and sets a namespace that no flag has set to that of the context.
func (f *namespaceFlags) client() (client.WithWatch, error) {
	kube, err := f.clusterFlags.client()
	if err == nil && f.namespace == "" {
		f.namespace, err = program.KubeconfigNamespace(f.kubeconfig, f.context)
	}
	return kube, err
}
