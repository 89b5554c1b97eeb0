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
	"github.com/dudaji/nufi/test/harness/oidctest"
)

// logBuffer collects log lines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *logBuffer) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		_, _ = fmt.Fprintln(&j.text, prefix, args)
	}, funcr.Options{Verbosity: 9})
}

func (j *logBuffer) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Every error path runs with a token. Neither the token nor its parts may occur in the
// response, the error or the log.
func TestTokensAreNeverWritten(t *testing.T) {
	t.Parallel()
	key, other := oidctest.NewKey(t, "one", jose.ES256), oidctest.NewKey(t, "two", jose.ES256)
	provider := oidctest.New(t, now, key)
	log := &logBuffer{}
	down := oidctest.New(t, now, key)
	down.Down(true)
	undiscovered, err := auth.NewOIDC(logr.NewContext(t.Context(), log.logger()), optionsOf(down))
	if err != nil {
		t.Fatal(err)
	}
	discovered := newOIDC(t, optionsOf(provider))
	failing := auth.NewTokenReview(&reviewer{err: errors.New("connection refused")}, nil, time.Minute)
	quoting := &reviewer{}
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)

	tokens := map[string]string{
		"expired":    key.Sign(t, provider.Claims(map[string]any{"exp": 1})),
		"bad name":   key.Sign(t, provider.Claims(map[string]any{"name": "a\nb"})),
		"forged":     other.Sign(t, provider.Claims(nil)),
		"no keys":    key.Sign(t, down.Claims(nil)),
		"opaque":     "opaque-secret-token-1234567890",
		"malformed":  "malformed-secret-token-1234567890\x01",
		"half a JWT": strings.TrimRight(key.Sign(t, provider.Claims(nil))[:90], "."),
	}
	for name, token := range tokens {
		quoting.status.Error = "the token " + token + " is not known"
		for _, authenticator := range []auth.Authenticator{
			discovered, undiscovered, failing, auth.NewTokenReview(quoting, nil, time.Minute),
			auth.Chain(discovered, undiscovered, failing, sessions),
		} {
			r := requestWithToken(t, token)
			r.Header.Set("Cookie", "__Host-nufi-session="+strings.Trim(token, "\x01"))
			_, err := authenticator.Authenticate(r)
			w := httptest.NewRecorder()
			handler := auth.Middleware(authenticator, writeText)(http.NotFoundHandler())
			handler.ServeHTTP(w, r.WithContext(logr.NewContext(r.Context(), log.logger())))
			if err == nil || w.Code == http.StatusNotFound {
				t.Errorf("%s is accepted by %T", name, authenticator)
			}
			for _, part := range secretParts(token) {
				if text := fmt.Sprint(err, w.Body, w.Header(), log); strings.Contains(text, part) {
					t.Errorf("%s: %q is written: %s", name, part, text)
				}
			}
		}
	}
	for _, outage := range []string{"Checking credentials failed", "Discovery of the OIDC provider failed"} {
		eventually(t, outage+" is logged", func() bool { return strings.Contains(log.String(), outage) })
	}
}

// secretParts returns the header, the payload and the signature.
func secretParts(token string) []string {
	var parts []string
	for _, part := range strings.Split(strings.Trim(token, "\x01"), ".") {
		if len(part) > 8 {
			parts = append(parts, part)
		}
	}
	return parts
}
