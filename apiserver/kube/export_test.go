package kube

import "net/http"

// Wrap exports wrap.
func (c *Connectivity) Wrap(next http.RoundTripper) http.RoundTripper { return c.wrap(next) }
