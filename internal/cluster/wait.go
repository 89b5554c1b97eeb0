package cluster

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

// pollInterval is how often a starting cluster is polled.
const pollInterval = 100 * time.Millisecond

// awaitPath returns when the API server responds with 200 for a path. It returns an error if a
// component exits by itself or ctx is done.
func (c *Cluster) awaitPath(ctx context.Context, path string) error {
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return c.awaitURL(ctx, client, c.config.Host+path)
}

// Await returns when a program of this cluster responds with 200 at a URL. It returns an error
// if any program of the cluster exits by itself or ctx is done.
func (c *Cluster) Await(ctx context.Context, url string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return c.awaitURL(ctx, client, url)
}

func (c *Cluster) awaitURL(ctx context.Context, client *http.Client, url string) error {
	err := c.poll(ctx, func(ctx context.Context) (bool, error) { return isOK(ctx, client, url) })
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("waiting for %s: %w", url, err)
	}
	return err // The exit of a component names the component.
}

// poll waits for a condition. Its error is the exit of a component, or ctx's.
func (c *Cluster) poll(ctx context.Context, condition wait.ConditionWithContextFunc) error {
	ctx, cancel := c.children.withFailure(ctx)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, pollInterval, true, condition)
	if err != nil && context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	return err
}

// isOK reports whether a GET returns 200. A failed connection is no error: the
// server has not started yet.
func isOK(ctx context.Context, client *http.Client, url string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false, err
	}
	response, err := client.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // The caller polls until a deadline.
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}
