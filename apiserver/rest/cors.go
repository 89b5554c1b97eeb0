package rest

import (
	"net/http"
	"slices"
	"strings"
)

// CORS lets pages of trusted origins, scheme://host[:port], read responses and send requests
// with credentials. It goes outside authentication: a preflight has no credentials.
func CORS(trusted []string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if len(trusted) == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			header, origin := w.Header(), r.Header.Get("Origin")
			header.Add("Vary", "Origin")
			if !slices.Contains(trusted, origin) {
				next.ServeHTTP(w, r)
				return
			}
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Allow-Credentials", "true")
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				header.Set("Access-Control-Allow-Methods", strings.Join(methods(), ", "))
				header.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID")
				header.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return
			}
			header.Set("Access-Control-Expose-Headers", "Age, Allow, ETag, Location, NuFi-Container, NuFi-Pod, Retry-After, Warning, X-Request-Id")
			next.ServeHTTP(w, r)
		})
	}
}
