package auth

import (
	"errors"
	"net/http"
)

// Authenticator identifies the user of a request. Its errors are ErrNoCredentials,
// *InvalidError and wrapped ErrUnavailable.
type Authenticator interface {
	Authenticate(r *http.Request) (User, error)
}

var (
	// ErrNoCredentials reports a request without credentials of the authenticator's kind.
	ErrNoCredentials = errors.New("no credentials")
	// ErrUnavailable reports credentials that cannot be checked at the moment.
	ErrUnavailable = errors.New("the credentials cannot be checked at the moment")
)

// InvalidError reports rejected credentials. The reason may be sent to the client.
type InvalidError struct {
	Reason string
	// Foreign means that another authenticator may accept the credentials.
	Foreign bool
}

func (e *InvalidError) Error() string { return "invalid credentials: " + e.Reason }

// Chain tries the authenticators in order. The first that accepts the credentials, or rejects
// them as its own, decides. An authenticator that could not check makes the result
// ErrUnavailable unless another accepts: a rejection by others does not mean that the
// credentials are invalid. Otherwise the result is a foreign *InvalidError or ErrNoCredentials.
func Chain(authenticators ...Authenticator) Authenticator { return chain(authenticators) }

type chain []Authenticator

func (c chain) Authenticate(r *http.Request) (User, error) {
	result := ErrNoCredentials
	for _, authenticator := range c {
		user, err := authenticator.Authenticate(r)
		if err == nil {
			return user, nil
		}
		invalid, isInvalid := errors.AsType[*InvalidError](err)
		if isInvalid && !invalid.Foreign && !errors.Is(result, ErrUnavailable) {
			return User{}, err
		}
		if precedence(err) > precedence(result) {
			result = err
		}
	}
	return User{}, result
}

func precedence(err error) int {
	if errors.Is(err, ErrNoCredentials) {
		return 0
	}
	if _, isInvalid := errors.AsType[*InvalidError](err); isInvalid {
		return 1
	}
	return 2
}
