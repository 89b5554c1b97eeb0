package auth

import (
	"net/http"
	"strings"
)

// maxTokenBytes is larger than tokens with hundreds of groups.
const maxTokenBytes = 16 << 10

// bearer returns the token of the Authorization header. A token in the query is ignored:
// queries are logged.
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
	case strings.ContainsFunc(token, isNoTokenCharacter):
		return "", &InvalidError{Reason: "the token has characters that are not allowed in tokens"}
	}
	return token, nil
}

// isNoTokenCharacter reports characters outside of RFC 6750's b64token.
func isNoTokenCharacter(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~+/=", r)
}
