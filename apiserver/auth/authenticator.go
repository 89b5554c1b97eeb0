package auth

import (
	"errors"
	"net/http"
)

// Authenticator says who makes a request. Its error is ErrNoCredentials, an
// *InvalidError, or ErrUnavailable with what is wrong.
type Authenticator interface {
	Authenticate(r *http.Request) (User, error)
}

var (
	// ErrNoCredentials says that the request has no credentials of the authenticator's kind.
	ErrNoCredentials = errors.New("no credentials")
	// ErrUnavailable says that nobody can be told for now whether the credentials hold.
	ErrUnavailable = errors.New("the credentials cannot be checked for now")
)

// InvalidError says that the credentials do not hold. The reason is fit for the client.
type InvalidError struct {
	Reason string
	// Foreign says that another authenticator may know credentials of this kind.
	Foreign bool
}

func (e *InvalidError) Error() string { return "invalid credentials: " + e.Reason }

// Chain asks each authenticator in turn. The first who knows the person, or who knows that
// the credentials are theirs and do not hold, decides. If nobody does, a check that could
// not be made counts for more than credentials that nobody knows.
func Chain(authenticators ...Authenticator) Authenticator { return chain(authenticators) }

type chain []Authenticator

func (c chain) Authenticate(r *http.Request) (User, error) {
	outcome := ErrNoCredentials
	for _, authenticator := range c {
		person, err := authenticator.Authenticate(r)
		if err == nil {
			return person, nil
		}
		var invalid *InvalidError
		if errors.As(err, &invalid) && !invalid.Foreign {
			return User{}, err
		}
		outcome = weightier(outcome, err)
	}
	return User{}, outcome
}

// weightier prefers unavailable over foreign over no credentials; of equals the first.
func weightier(a, b error) error {
	if weight(b) > weight(a) {
		return b
	}
	return a
}

func weight(err error) int {
	var invalid *InvalidError
	switch {
	case errors.Is(err, ErrNoCredentials):
		return 0
	case errors.As(err, &invalid):
		return 1
	}
	return 2
}
