package auth

import (
	"net/http"
	"strings"
)

// RejectIdentityHeaders answers 400 to a request with a header by which a proxy or a Kubernetes
// client names an identity: Impersonate-*, X-Remote-*, X-Forwarded-User and the like.
// Nothing here believes them; a client that sends one is mistaken or up to something.
func RejectIdentityHeaders(fail ErrorWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name := range r.Header {
				if identityHeader(name) {
					fail(w, r, http.StatusBadRequest, "the header "+http.CanonicalHeaderKey(clip(name))+" is not accepted")
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// identityHeader reads underscores as hyphens, as some proxies do.
func identityHeader(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	switch name {
	case "x-forwarded-user", "x-forwarded-groups", "x-forwarded-group", "x-forwarded-email",
		"x-forwarded-preferred-username", "x-forwarded-access-token":
		return true
	}
	return strings.HasPrefix(name, "impersonate-") || strings.HasPrefix(name, "x-remote-")
}

// CrossOrigin answers 403 to a request with an unsafe method that a page of another origin
// made a browser send. Clients that are no browsers pass: they carry no ambient credentials.
// Who brings a session has a browser, which has to say where the request comes from.
// Trusted origins are of the form scheme://host[:port].
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
			if unexplained(r) {
				fail(w, r, http.StatusForbidden, "a session takes a browser that says where a request comes from: Sec-Fetch-Site or Origin is missing")
				return
			}
			guarded.ServeHTTP(w, r)
		})
	}, nil
}

// unexplained holds for an unsafe request with a session of which no browser says where it
// comes from: an old one, or a proxy that drops headers.
func unexplained(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	_, err := r.Cookie(sessionCookie)
	return err == nil && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == ""
}
