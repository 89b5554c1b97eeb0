package auth

import (
	"errors"
	"net/http"
	"strings"
)

// The headers by which Kubernetes' API server is told whom a call is for.
const (
	impersonateUser   = "Impersonate-User"
	impersonateGroup  = "Impersonate-Group"
	impersonatePrefix = "Impersonate-"
)

// Transport returns the way to the API server on which every request is p's: with p's own
// token over plain, a transport without credentials, or else impersonating p over own,
// which carries the server's credentials. There is no way for nobody.
//
// client-go's own impersonation is not used: without a name it sends no header, so that
// the call is the server's, and headers that a request has already are left as they are.
func (p User) Transport(own, plain http.RoundTripper) (http.RoundTripper, error) {
	switch {
	case p.IsZero():
		return nil, errors.New("no call can be made for nobody")
	case p.token != nil:
		return transport{person: p, next: plain}, nil
	}
	return transport{person: p, next: own}, nil
}

type transport struct {
	person User
	next   http.RoundTripper
}

// RoundTrip replaces whatever identity the request has by the person's.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name := range r.Header {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), impersonatePrefix) {
			delete(r.Header, name)
		}
	}
	r.Header.Del("Authorization")
	if t.person.token != nil {
		r.Header.Set("Authorization", "Bearer "+*t.person.token)
		return t.next.RoundTrip(r)
	}
	r.Header.Set(impersonateUser, t.person.name)
	for _, group := range t.person.groups {
		r.Header.Add(impersonateGroup, group)
	}
	return t.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the connection below.
func (t transport) WrappedRoundTripper() http.RoundTripper { return t.next }
