package limits

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/problem"
)

// Header rejects headers and addresses of more than the given bytes. net/http rejects much
// larger ones itself.
func Header(bytes, addressBytes int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case len(r.RequestURI) > addressBytes:
				problem.WriteStatus(w, r, http.StatusRequestURITooLong, "the address is longer than is accepted")
			case headerBytes(r.Header) > bytes:
				problem.WriteStatus(w, r, http.StatusRequestHeaderFieldsTooLarge, "the header is larger than is accepted")
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

func headerBytes(header http.Header) int {
	sum := 0
	for name, values := range header {
		for _, value := range values {
			sum += len(name) + len(value)
		}
	}
	return sum
}

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
