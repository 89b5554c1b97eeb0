package controller

import (
	"context"
	"fmt"
	"net/http"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// requestTimeout is longer than a webhook may take, which is 30 s.
	requestTimeout = 40 * time.Second
	// maxIdle is how long a connection stays open without a request. It is shorter than the time in which watches detect
	// that their connection is lost, so that the writes that follow do not use connections that are lost, too.
	maxIdle = 10 * time.Second
)

// newDirectClient returns a client that reads and writes without the cache. Its requests use HTTP/1.1, with which a write
// takes a sixth less CPU than with HTTP/2. Watches do not: only HTTP/2 detects by pings that a connection is lost. client-go
// keeps up to 25 idle connections, which is more than the default number of workers.
func newDirectClient(mgr manager.Manager) (client.Client, error) {
	config := rest.CopyConfig(mgr.GetConfig())
	config.NextProtos, config.Timeout = []string{"http/1.1"}, requestTimeout
	var connections http.RoundTripper
	config.WrapTransport = transport.Wrappers(func(next http.RoundTripper) http.RoundTripper {
		connections = next
		return next
	}, config.WrapTransport)
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the API server: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		wait.Until(func() { utilnet.CloseIdleConnectionsFor(connections) }, maxIdle, ctx.Done())
		return nil
	})); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{HTTPClient: httpClient, Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
}
