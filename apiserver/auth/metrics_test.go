package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/harness/oidctest"
)

func TestAuthenticationsAreCountedByResult(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := auth.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range []fixed{
		{user: newUser(t, "ann")},
		{err: &auth.InvalidError{Reason: "expired"}},
		{err: &auth.InvalidError{Reason: "foreign", Foreign: true}},
		{err: auth.ErrNoCredentials},
		{err: fmt.Errorf("%w: refused", auth.ErrUnavailable)},
	} {
		_, _ = metrics.Count("oidc", result).Authenticate(requestWithToken(t, "abc"))
	}
	const name = "nufi_apiserver_authentications_total"
	want := `# HELP nufi_apiserver_authentications_total Credentials by method (oidc, token, session, dev) and result (accepted, rejected, unavailable).
# TYPE nufi_apiserver_authentications_total counter
nufi_apiserver_authentications_total{method="oidc",result="accepted"} 1
nufi_apiserver_authentications_total{method="oidc",result="rejected"} 1
nufi_apiserver_authentications_total{method="oidc",result="unavailable"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}

func TestKeyFetchesAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := auth.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	key := oidctest.NewKey(t, "one", jose.ES256)
	provider := oidctest.New(t, now, key)
	options := optionsOf(provider)
	options.Metrics = metrics
	authenticator := newOIDC(t, options)
	provider.Down(true)
	for range 30 {
		_, _ = authenticator.Authenticate(requestWithToken(t, key.Sign(t, provider.Claims(nil))))
	}
	provider.Down(false)
	eventually(t, "a successful fetch", func() bool {
		_, err := authenticator.Authenticate(requestWithToken(t, key.Sign(t, provider.Claims(nil))))
		return err == nil
	})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]bool{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "nufi_apiserver_key_fetches_total" && metric.GetCounter().GetValue() > 0 {
				results[metric.GetLabel()[0].GetValue()] = true
			}
		}
	}
	for _, want := range []string{"fetched", "failed", "limited"} {
		if !results[want] {
			t.Errorf("no fetch is counted as %s: %v", want, results)
		}
	}
}
