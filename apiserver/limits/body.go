package limits

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/problem"
)

// Bodies rejects bodies of more than the given bytes: at once if Content-Length is larger, and
// by an *http.MaxBytesError on reading otherwise.
func Bodies(bytes int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > bytes {
				problem.WriteStatus(w, r, http.StatusRequestEntityTooLarge, "the body is larger than is accepted")
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, bytes)
			next.ServeHTTP(w, r)
		})
	}
}
