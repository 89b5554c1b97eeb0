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

// localPath accepts a path on this host, with or without a query. Browsers interpret //host
// and /\host as another host, and remove tabs and line breaks first.
func localPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	parsed, err := url.Parse(path)
	switch {
	case err != nil,
		parsed.Scheme != "", parsed.Host != "", parsed.User != nil, parsed.Opaque != "",
		!strings.HasPrefix(path, "/"), strings.HasPrefix(path, "//"),
		strings.Contains(path, `\`), strings.ContainsFunc(path, unicode.IsControl), len(path) > maxPathBytes:
		return "", errors.New("not a path on this host")
	}
	return path, nil
}

// maxPathBytes keeps the login cookie below the limit of browsers.
const maxPathBytes = 1024

// preventCaching also keeps the address, which may contain a code, out of Referer headers.
func preventCaching(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
}

// redact removes the body of a token endpoint's response, which may contain tokens, from its
// error.
func redact(err error) error {
	if response, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("the provider answered %s", response.Response.Status)
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request
	}
	return errors.New("the provider's response is malformed")
}
