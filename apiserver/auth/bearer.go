package auth

import (
	"net/http"
	"strings"
)

// maxTokenBytes bounds what is parsed, hashed and sent on. Tokens with hundreds of groups
// stay below it.
const maxTokenBytes = 16 << 10

// bearer returns the token of the Authorization header. It is nowhere else: not in the
// query, which ends up in logs.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	switch len(values) {
	case 0:
		return "", ErrNoCredentials
	case 1:
	default:
		return "", &InvalidError{Reason: "more than one Authorization header"}
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoCredentials
	}
	token = strings.TrimSpace(token)
	switch {
	case token == "":
		return "", ErrNoCredentials
	case len(token) > maxTokenBytes:
		return "", &InvalidError{Reason: "the token is too long"}
	case strings.ContainsFunc(token, notInToken):
		return "", &InvalidError{Reason: "the token has a character that no token has"}
	}
	return token, nil
}

// notInToken knows the characters of RFC 6750's b64token.
func notInToken(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~+/=", r)
}
