package limits

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/problem"
)

// InFlight refuses requests while so many others are being served.
func InFlight(most int) func(http.Handler) http.Handler {
	slots := make(chan struct{}, most)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case slots <- struct{}{}:
				r, leave := taking(r, func() { <-slots })
				defer leave()
				next.ServeHTTP(w, r)
			default:
				tooMany(w, r, "the server is busy", 1)
			}
		})
	}
}

// tooMany has the client come back after so many seconds.
func tooMany(w http.ResponseWriter, r *http.Request, detail string, seconds int) {
	p := problem.New(http.StatusTooManyRequests, detail)
	p.RetryAfter = seconds
	problem.Write(w, r, p)
}
