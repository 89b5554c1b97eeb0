package kube

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"path"
	"sync"
	"time"
)

// Connectivity records how the calls of a cache end, and so how fresh the cache is: a list or a
// watch that fails is repeated at once. An idle connection is given up after 45 seconds, by
// which UnreachableSince may be late.
type Connectivity struct {
	clock func() time.Time

	mu      sync.Mutex
	failing map[string]time.Time // by resource, since when its calls fail
}

// NewConnectivity returns a Connectivity without failures.
func NewConnectivity(clock func() time.Time) *Connectivity {
	return &Connectivity{clock: clock, failing: map[string]time.Time{}}
}

// UnreachableSince returns the earliest time since when the calls for one of the resources,
// such as "npudeploys", fail. It is zero while none fail.
func (c *Connectivity) UnreachableSince(resources ...string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var earliest time.Time
	for _, resource := range resources {
		if since, failing := c.failing[resource]; failing && (earliest.IsZero() || since.Before(earliest)) {
			earliest = since
		}
	}
	return earliest
}

// wrap records the calls through next.
func (c *Connectivity) wrap(next http.RoundTripper) http.RoundTripper {
	return recordingTransport{next, c}
}

type recordingTransport struct {
	http.RoundTripper

	connectivity *Connectivity
}

// RoundTrip sends the request and records the result.
func (t recordingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(request)
	// After 410 Gone, the reflector lists again.
	succeeded := err == nil && (response.StatusCode < http.StatusBadRequest || response.StatusCode == http.StatusGone)
	t.connectivity.record(path.Base(request.URL.Path), succeeded)
	return response, err
}

func (c *Connectivity) record(resource string, succeeded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, failing := c.failing[resource]; succeeded {
		delete(c.failing, resource)
	} else if !failing {
		c.failing[resource] = c.clock()
	}
}

// Unreachable reports whether a call did not get a response from Kubernetes' API server.
func Unreachable(err error) bool {
	var request *url.Error
	var network net.Error
	return errors.As(err, &request) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}
