package auth_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/issuer"
)

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		_, _ = fmt.Fprintln(&j.text, prefix, args)
	}, funcr.Options{Verbosity: 9})
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Each way to fail is walked with a token that is then looked for, whole and in parts, in
// what the client reads, in the errors and in the log.
func TestNoTokenIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	key, other := issuer.NewKey(t, "one", jose.ES256), issuer.NewKey(t, "two", jose.ES256)
	provider := issuer.New(t, now, key)
	log := &journal{}
	down := issuer.New(t, now, key)
	down.Down(true)
	unfound, err := auth.NewOIDC(logr.NewContext(t.Context(), log.logger()), optionsOf(down))
	if err != nil {
		t.Fatal(err)
	}
	opened := open(t, optionsOf(provider))
	failing := auth.NewTokenReview(&reviewer{err: errors.New("connection refused")}, nil, time.Minute)
	quoting := &reviewer{}
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)

	tokens := map[string]string{
		"expired":    key.Sign(t, provider.Claims(map[string]any{"exp": 1})),
		"misnamed":   key.Sign(t, provider.Claims(map[string]any{"name": "a\nb"})),
		"forged":     other.Sign(t, provider.Claims(nil)),
		"unfound":    key.Sign(t, down.Claims(nil)),
		"opaque":     "opaque-secret-token-1234567890",
		"misshapen":  "misshapen-secret-token-1234567890\x01",
		"half a JWT": strings.TrimRight(key.Sign(t, provider.Claims(nil))[:90], "."),
	}
	for name, token := range tokens {
		quoting.status.Error = "the token " + token + " is not known"
		for _, authenticator := range []auth.Authenticator{
			opened, unfound, failing, auth.NewTokenReview(quoting, nil, time.Minute),
			auth.Chain(opened, unfound, failing, sessions),
		} {
			r := bearing(t, token)
			r.Header.Set("Cookie", "__Host-nufi-session="+strings.Trim(token, "\x01"))
			_, err := authenticator.Authenticate(r)
			w := httptest.NewRecorder()
			refusing := auth.Middleware(authenticator, plainly)(http.NotFoundHandler())
			refusing.ServeHTTP(w, r.WithContext(logr.NewContext(r.Context(), log.logger())))
			if err == nil || w.Code == http.StatusNotFound {
				t.Errorf("%s is let in by %T", name, authenticator)
			}
			for _, part := range parts(token) {
				if text := fmt.Sprint(err, w.Body, w.Header(), log); strings.Contains(text, part) {
					t.Errorf("%s: %q is written: %s", name, part, text)
				}
			}
		}
	}
	for _, outage := range []string{"could not check credentials", "did not reach the OIDC provider"} {
		eventually(t, outage+" is logged", func() bool { return strings.Contains(log.String(), outage) })
	}
}

// parts are what must not be written: header, payload, signature.
func parts(token string) []string {
	var parts []string
	for _, part := range strings.Split(strings.Trim(token, "\x01"), ".") {
		if len(part) > 8 {
			parts = append(parts, part)
		}
	}
	return parts
}
