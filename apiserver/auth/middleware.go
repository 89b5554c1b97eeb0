package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-logr/logr"
)

// ErrorWriter answers a request with an error. The detail is for the client.
type ErrorWriter func(w http.ResponseWriter, r *http.Request, status int, detail string)

// personKey is the context's key of the Person.
type personKey struct{}

// With returns a context that carries the person.
func WithUser(ctx context.Context, person User) context.Context {
	return context.WithValue(ctx, personKey{}, person)
}

// From returns the person whom Middleware found. Without one it is false.
func UserFrom(ctx context.Context) (User, bool) {
	person, ok := ctx.Value(personKey{}).(User)
	return person, ok && !person.IsZero()
}

// Middleware lets no request pass without a person: 401 where the credentials are missing
// or do not hold, 503 where they cannot be checked.
func Middleware(authenticator Authenticator, fail ErrorWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			person, err := authenticator.Authenticate(r)
			if err == nil && !person.IsZero() {
				next.ServeHTTP(w, r.WithContext(WithUser(r.Context(), person)))
				return
			}
			refuse(w, r, err, fail)
		})
	}
}

func refuse(w http.ResponseWriter, r *http.Request, err error, fail ErrorWriter) {
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		w.Header().Set("WWW-Authenticate", `Bearer realm="nufi", error="invalid_token"`)
		fail(w, r, http.StatusUnauthorized, invalid.Error())
	case err == nil, errors.Is(err, ErrNoCredentials):
		w.Header().Set("WWW-Authenticate", `Bearer realm="nufi"`)
		fail(w, r, http.StatusUnauthorized, "log in, or send a bearer token")
	default:
		logr.FromContextOrDiscard(r.Context()).Error(err, "could not check credentials")
		w.Header().Set("Retry-After", "5")
		fail(w, r, http.StatusServiceUnavailable, ErrUnavailable.Error())
	}
}
