package kube

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// Connectivity records how the calls of a cache end, and so how fresh the cache is: a list or a
// watch that fails is repeated at once. An idle connection is given up after 45 seconds, by
// which UnreachableSince may be late.
type Connectivity struct {
	clock func() time.Time
	log   logr.Logger

	mu      sync.Mutex
	failing map[string]time.Time // by resource, since when its calls fail
}

// NewConnectivity returns a Connectivity without failures. It logs the first of consecutive
// failures of a resource, and its end.
func NewConnectivity(clock func() time.Time, log logr.Logger) *Connectivity {
	return &Connectivity{clock: clock, log: log, failing: map[string]time.Time{}}
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
	failure := err
	if err == nil && response.StatusCode >= http.StatusBadRequest && response.StatusCode != http.StatusGone {
		failure = errors.New(response.Status)
	}
	if !errors.Is(failure, context.Canceled) { // the cache is being stopped
		t.connectivity.record(path.Base(request.URL.Path), failure)
	}
	return response, err
}

func (c *Connectivity) record(resource string, failure error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since, isFailing := c.failing[resource]
	switch {
	case failure != nil && !isFailing:
		c.failing[resource] = c.clock()
		c.log.Info("Could not read a resource from Kubernetes: it is retried", "resource", resource, "reason", failure.Error())
	case failure == nil && isFailing:
		delete(c.failing, resource)
		c.log.Info("Read a resource from Kubernetes again", "resource", resource, "seconds", c.clock().Sub(since).Seconds())
	}
}

// Unreachable reports whether a call did not get a whole response from Kubernetes' API server.
func Unreachable(err error) bool {
	_, isRequest := errors.AsType[*url.Error](err)
	_, isNetwork := errors.AsType[net.Error](err)
	_, isBroken := errors.AsType[brokenResponseError](err)
	return isRequest || isNetwork || isBroken || errors.Is(err, context.DeadlineExceeded)
}

// brokenResponseError means that a connection ended within a response. HTTP/1 and HTTP/2 have errors of several
// types for that.
type brokenResponseError struct{ error }

func (e brokenResponseError) Unwrap() error { return e.error }

// breakingTransport marks the errors of reading a response.
type breakingTransport struct{ http.RoundTripper }

// RoundTrip sends the request.
func (t breakingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = breakingBody{response.Body}
	}
	return response, err
}

// WrappedRoundTripper lets client-go find the underlying transport.
func (t breakingTransport) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }

type breakingBody struct{ io.ReadCloser }

func (b breakingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = brokenResponseError{err}
	}
	return n, err
}
