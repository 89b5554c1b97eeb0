package limits

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/problem"
)

// Header refuses a header of more than so many bytes, and an address of more than so many.
// What is far larger the server itself has refused, in words of its own.
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
