package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/harness/oidctest"
)

// now is the current time in all tests.
var now = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func optionsOf(provider *oidctest.Issuer) auth.OIDCOptions {
	return auth.OIDCOptions{
		Issuer: provider.URL, Audiences: []string{oidctest.Audience}, UsernameClaim: "name", GroupsClaim: "groups",
		UsernamePrefix: "oidc:", GroupsPrefix: "oidc:", Skew: 30 * time.Second, Clock: clock,
	}
}

// newOIDC returns an authenticator after discovery.
func newOIDC(t *testing.T, options auth.OIDCOptions) *auth.OIDC {
	t.Helper()
	authenticator, err := auth.NewOIDC(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "discovery", func() bool { return authenticator.Ready() == nil })
	return authenticator
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatal("timed out waiting for: ", what)
		}
	}
}

func requestWithToken(t *testing.T, token string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://nufi.test/api/v1/me", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
