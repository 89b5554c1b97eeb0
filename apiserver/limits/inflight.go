package limits

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/problem"
)

// InFlight rejects requests while limit others are being served.
func InFlight(limit int) func(http.Handler) http.Handler {
	slots := make(chan struct{}, limit)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case slots <- struct{}{}:
				r, release := withSlot(r, func() { <-slots })
				defer release()
				next.ServeHTTP(w, r)
			default:
				tooMany(w, r, "the server is busy", 1)
			}
		})
	}
}

// tooMany answers 429 with Retry-After.
func tooMany(w http.ResponseWriter, r *http.Request, detail string, seconds int) {
	p := problem.New(http.StatusTooManyRequests, detail)
	p.RetryAfter = seconds
	problem.Write(w, r, p)
}
