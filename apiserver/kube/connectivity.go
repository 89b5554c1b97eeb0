package kube

import (
	"net/http"
	"path"
	"sync"
	"time"
)

// Connectivity knows how fresh a cache is: it hears how the cache's own calls end. A list or a
// watch that breaks is begun anew at once, and tells by that. A connection that falls
// silent is given up after 45 seconds: so much may be missing from Lost.
type Connectivity struct {
	clock func() time.Time
	mu    sync.Mutex
	lost  map[string]time.Time // since when the calls for a resource fail
}

// NewConnectivity returns a Contact that has heard nothing bad yet.
func NewConnectivity(clock func() time.Time) *Connectivity {
	return &Connectivity{clock: clock, lost: map[string]time.Time{}}
}

// Lost says since when the cache hears nothing of any of these resources, such as
// "npudeploys". It is zero while it hears of all.
func (c *Connectivity) UnreachableSince(resources ...string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var earliest time.Time
	for _, resource := range resources {
		if since, lost := c.lost[resource]; lost && (earliest.IsZero() || since.Before(earliest)) {
			earliest = since
		}
	}
	return earliest
}

// wrap listens in on what passes through next.
func (c *Connectivity) wrap(next http.RoundTripper) http.RoundTripper { return listening{next, c} }

type listening struct {
	http.RoundTripper

	contact *Connectivity
}

// RoundTrip passes the request on and notes how it ended.
func (l listening) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(request)
	// A version that is gone is an answer: the list comes next.
	held := err == nil && (response.StatusCode < http.StatusBadRequest || response.StatusCode == http.StatusGone)
	l.contact.note(path.Base(request.URL.Path), held)
	return response, err
}

func (c *Connectivity) note(resource string, held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, lost := c.lost[resource]; held {
		delete(c.lost, resource)
	} else if !lost {
		c.lost[resource] = c.clock()
	}
}
