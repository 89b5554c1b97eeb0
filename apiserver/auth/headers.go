package auth

import (
	"net/http"
	"strings"
)

// RejectIdentityHeaders responds with 400 to a request with a header that names an identity to
// Kubernetes or behind an authenticating proxy: Impersonate-*, X-Remote-*, X-Forwarded-User
// and the like. Such headers have no effect here.
func RejectIdentityHeaders(fail ErrorWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name := range r.Header {
				if isIdentityHeader(name) {
					fail(w, r, http.StatusBadRequest, "the header "+http.CanonicalHeaderKey(clip(name))+" is not accepted")
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// isIdentityHeader treats underscores as hyphens, as some proxies do.
func isIdentityHeader(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	switch name {
	case "x-forwarded-user", "x-forwarded-groups", "x-forwarded-group", "x-forwarded-email",
		"x-forwarded-preferred-username", "x-forwarded-access-token":
		return true
	}
	return strings.HasPrefix(name, "impersonate-") || strings.HasPrefix(name, "x-remote-")
}

// RejectCrossOrigin responds with 403 to a request with an unsafe method that a browser sends for a
// page of another origin. Clients other than browsers pass: they have no ambient credentials.
// A request with a session must have Sec-Fetch-Site or Origin. Trusted origins have the form
// scheme://host[:port].
func RejectCrossOrigin(fail ErrorWriter, trusted ...string) (func(http.Handler) http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, http.StatusForbidden, "the request comes from a page of another origin")
	}))
	return func(next http.Handler) http.Handler {
		guarded := protection.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if lacksOrigin(r) {
				fail(w, r, http.StatusForbidden, "a request with a session must have the header Sec-Fetch-Site or Origin")
				return
			}
			guarded.ServeHTTP(w, r)
		})
	}, nil
}

// lacksOrigin reports an unsafe request with a session but without the headers by which
// browsers name its origin: of an old browser, or behind a proxy that removes headers.
func lacksOrigin(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	_, err := r.Cookie(sessionCookie)
	return err == nil && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == ""
}
