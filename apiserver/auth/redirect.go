package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/oauth2"
)

// localPath accepts a path on this host, with a query perhaps. Browsers read //host and
// /\host as another host, and drop tabs and line breaks before they read at all.
func localPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	at, err := url.Parse(path)
	switch {
	case err != nil,
		at.Scheme != "", at.Host != "", at.User != nil, at.Opaque != "",
		!strings.HasPrefix(path, "/"), strings.HasPrefix(path, "//"),
		strings.Contains(path, `\`), strings.ContainsFunc(path, unicode.IsControl), len(path) > maxPathBytes:
		return "", errors.New("not a path on this host")
	}
	return path, nil
}

// maxPathBytes leaves the login cookie below what browsers keep.
const maxPathBytes = 1024

// keepPrivate has nobody keep an answer of a login, nor its address, which has a code in it.
func keepPrivate(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
}

// scrub drops the body of a token endpoint's answer from its error: it may hold tokens.
func scrub(err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		return fmt.Errorf("the provider answers %s", answer.Response.Status)
	}
	var request *url.Error
	if errors.As(err, &request) {
		return request
	}
	return errors.New("the provider's answer is not readable")
}
