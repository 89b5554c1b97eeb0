package kube

import "net/http"

// Wrap listens in on what passes through next.
func (c *Connectivity) Wrap(next http.RoundTripper) http.RoundTripper { return c.wrap(next) }
