package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-logr/logr"
)

// ErrorWriter writes an error as the response. The detail is sent to the client.
type ErrorWriter func(w http.ResponseWriter, r *http.Request, status int, detail string)

// userKey is the context key of the User.
type userKey struct{}

// WithUser returns a context that carries the user.
func WithUser(ctx context.Context, user User) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// UserFrom returns the user that Middleware has authenticated, or false without one.
func UserFrom(ctx context.Context) (User, bool) {
	user, ok := ctx.Value(userKey{}).(User)
	return user, ok && !user.IsZero()
}

// Middleware authenticates requests. It responds with 401 if the credentials are missing or
// rejected, and 503 if they cannot be checked.
func Middleware(authenticator Authenticator, fail ErrorWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, err := authenticator.Authenticate(r)
			if err == nil && !user.IsZero() {
				next.ServeHTTP(w, r.WithContext(WithUser(r.Context(), user)))
				return
			}
			reject(w, r, err, fail)
		})
	}
}

// HasCredentials reports whether the request has a header or a session that authenticates it.
func HasCredentials(r *http.Request) bool {
	return HasSession(r) || r.Header.Get("Authorization") != ""
}

// HasSession reports whether the request has the cookie of a login.
func HasSession(r *http.Request) bool {
	_, err := r.Cookie(sessionCookie)
	return err == nil
}

func reject(w http.ResponseWriter, r *http.Request, err error, fail ErrorWriter) {
	invalid, isInvalid := errors.AsType[*InvalidError](err)
	switch {
	case isInvalid:
		w.Header().Set("WWW-Authenticate", `Bearer realm="nufi", error="invalid_token"`)
		fail(w, r, http.StatusUnauthorized, invalid.Error())
	case err == nil, errors.Is(err, ErrNoCredentials):
		w.Header().Set("WWW-Authenticate", `Bearer realm="nufi"`)
		fail(w, r, http.StatusUnauthorized, "log in, or send a bearer token")
	default:
		logr.FromContextOrDiscard(r.Context()).Error(err, "Checking credentials failed")
		w.Header().Set("Retry-After", "5")
		fail(w, r, http.StatusServiceUnavailable, ErrUnavailable.Error())
	}
}
