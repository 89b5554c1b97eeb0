package auth

import (
	"errors"
	"net/http"
	"strings"
)

// The impersonation headers of Kubernetes' API server.
const (
	impersonateUser   = "Impersonate-User"
	impersonateGroup  = "Impersonate-Group"
	impersonatePrefix = "Impersonate-"
)

// Transport returns a transport to the API server on which every request is the user's: with
// the user's token over plain, which has no credentials, or impersonating the user over own,
// which has the server's credentials. It returns an error for the zero User.
//
// client-go's impersonation is not used: without a name it sends no header, so that the call
// is the server's, and it keeps the headers that a request already has.
func (u User) Transport(own, plain http.RoundTripper) (http.RoundTripper, error) {
	switch {
	case u.IsZero():
		return nil, errors.New("the user has no name")
	case u.token != nil:
		return transport{user: u, next: plain}, nil
	}
	return transport{user: u, next: own}, nil
}

type transport struct {
	user User
	next http.RoundTripper
}

// RoundTrip replaces the identity of the request by the user's.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name := range r.Header {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), impersonatePrefix) {
			delete(r.Header, name)
		}
	}
	r.Header.Del("Authorization")
	if t.user.token != nil {
		r.Header.Set("Authorization", "Bearer "+*t.user.token)
		return t.next.RoundTrip(r)
	}
	r.Header.Set(impersonateUser, t.user.name)
	for _, group := range t.user.groups {
		r.Header.Add(impersonateGroup, group)
	}
	return t.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the underlying transport.
func (t transport) WrappedRoundTripper() http.RoundTripper { return t.next }
