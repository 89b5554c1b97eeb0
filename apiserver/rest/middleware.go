package rest

import (
	"errors"
	"net/http"
	"runtime/debug"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/problem"
)

// Identify gives the request an id, and the response the headers that all responses have. A
// client's own X-Request-Id is ignored: two requests could have the same.
func Identify(log logr.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := uuid.NewString()
			header := w.Header()
			header.Set(problem.RequestID, id)
			header.Set("Cache-Control", "no-store")
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			ctx := logr.NewContext(r.Context(), log.WithValues("requestId", id))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// Recover responds with 500 when a handler panics. It goes inside Observe, which records the
// response.
func Recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if reason := recover(); reason != nil {
				afterPanic(w, r, reason)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// afterPanic repeats a panic that aborts the connection. It also aborts the connection if a response has
// begun, because the client would read a problem as the end of that response.
func afterPanic(w http.ResponseWriter, r *http.Request, reason any) {
	if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(reason)
	}
	logr.FromContextOrDiscard(r.Context()).Error(nil, "Recovered from a panic", "panic", reason, "stack", string(debug.Stack()))
	if response, ok := w.(*responseRecorder); ok && response.status != 0 {
		panic(http.ErrAbortHandler)
	}
	problem.WriteStatus(w, r, http.StatusInternalServerError, "internal error: the server's log has the request id")
}

// PublicFirst serves what the public router has, and nothing else, without authentication.
func PublicFirst(public *mux.Router) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var match mux.RouteMatch
			if !public.Match(r, &match) || match.MatchErr != nil {
				next.ServeHTTP(w, r)
				return
			}
			if template, err := match.Route.GetPathTemplate(); err == nil {
				recordFrom(r.Context()).route = template
			}
			match.Handler.ServeHTTP(w, r)
		})
	}
}
