package cluster

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

// pollEvery is how often a starting cluster is asked.
const pollEvery = 100 * time.Millisecond

// await returns when the API server answers 200 for a path, when a component ends by
// itself, or when ctx is done.
func (c *Cluster) await(ctx context.Context, path string) error {
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return c.awaitURL(ctx, client, c.config.Host+path)
}

// Await returns when a program of this cluster answers 200 at a URL, when anything of
// the cluster ends by itself, or when ctx is done.
func (c *Cluster) Await(ctx context.Context, url string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return c.awaitURL(ctx, client, url)
}

func (c *Cluster) awaitURL(ctx context.Context, client *http.Client, url string) error {
	err := c.until(ctx, func(ctx context.Context) (bool, error) { return answers(ctx, client, url) })
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("waiting for %s: %w", url, err)
	}
	return err // A component's fault says what it is the fault of.
}

// until polls a condition. If it ends without, it says why: a component's fault, or ctx.
func (c *Cluster) until(ctx context.Context, condition wait.ConditionWithContextFunc) error {
	ctx, cancel := c.children.guard(ctx)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, pollEvery, true, condition)
	if err != nil && context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	return err
}

// answers tells whether a GET is answered with 200. Not to be reached is an answer
// too: the server is not there yet.
func answers(ctx context.Context, client *http.Client, url string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false, err
	}
	response, err := client.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // Told by the poll's end, if it never comes.
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}

func portFlag(port int) string { return "--secure-port=" + strconv.Itoa(port) }
