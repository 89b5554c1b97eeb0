package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return timedReads{next} })
	kube, err := client.NewWithWatch(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return kube, v1.AddToScheme(kube.Scheme())
}

// readTimeout bounds the time until the response to a read begins. Each command reads first.
const readTimeout = 30 * time.Second

var errNoResponse = fmt.Errorf("no response within %s", readTimeout)

// timedReads applies readTimeout. A watch lasts longer, and a write may wait for webhooks.
type timedReads struct{ next http.RoundTripper }

func (t timedReads) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet {
		return t.next.RoundTrip(request)
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	timer := time.AfterFunc(readTimeout, func() { cancel(errNoResponse) })
	defer timer.Stop()
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	if err != nil && errors.Is(context.Cause(ctx), errNoResponse) {
		return nil, errNoResponse
	}
	return response, err
}

// namespaceFlags select a namespace of a cluster.
type namespaceFlags struct {
	clusterFlags

	namespace string
}

func (f *namespaceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.namespace, "namespace", "n", "", "namespace (default: that of the context)")
	f.clusterFlags.add(cmd)
	f.addCompletion(cmd)
}

// client connects, and sets a namespace that no flag has set to that of the context.
func (f *namespaceFlags) client() (client.WithWatch, error) {
	kube, err := f.clusterFlags.client()
	if err == nil && f.namespace == "" {
		f.namespace, err = program.KubeconfigNamespace(f.kubeconfig, f.context)
	}
	return kube, err
}
