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
	ctx, cancel := c.children.guard(ctx)
	defer cancel()
	err = wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		return answers(ctx, client, c.config.Host+path)
	})
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("waiting for %s: %w", path, err)
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
