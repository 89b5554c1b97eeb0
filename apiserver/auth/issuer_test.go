package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/issuer"
)

// now is the time of all tests.
var now = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func optionsOf(provider *issuer.Issuer) auth.OIDCOptions {
	return auth.OIDCOptions{
		Issuer: provider.URL, Audiences: []string{issuer.Audience}, UsernameClaim: "name", GroupsClaim: "groups",
		UsernamePrefix: "oidc:", GroupsPrefix: "oidc:", Skew: 30 * time.Second, Clock: clock,
	}
}

// open returns an authenticator that has found its provider.
func open(t *testing.T, options auth.OIDCOptions) *auth.OIDC {
	t.Helper()
	made, err := auth.NewOIDC(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the provider is found", func() bool { return made.Ready() == nil })
	return made
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(20 * time.Second)
	defer end.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatal("not in time: ", what)
		}
	}
}

// bearing is a request with a bearer token.
func bearing(t *testing.T, token string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://nufi.test/api/v1/me", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
