package kube

import "net/http"

// Wrap listens in on what passes through next.
func (c *Contact) Wrap(next http.RoundTripper) http.RoundTripper { return c.wrap(next) }
