package program

import (
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// ErrNoCluster reports that no source names a cluster.
var ErrNoCluster = errors.New("no cluster is configured: set --kubeconfig or $KUBECONFIG")

// LoadKubeconfig reads the file at path or, if path is empty, $KUBECONFIG, the pod's service
// account or ~/.kube/config. An empty context is the current one.
func LoadKubeconfig(path, context string) (*rest.Config, error) {
	config, err := clientConfig(path, context).ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, ErrNoCluster
	}
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return config, nil
}

// KubeconfigNamespace returns the namespace of a context, or the default one.
func KubeconfigNamespace(path, context string) (string, error) {
	namespace, _, err := clientConfig(path, context).Namespace()
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return namespace, nil
}

func clientConfig(path, context string) clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: context})
}
