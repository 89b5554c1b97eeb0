// Package oidctest runs an OpenID Connect provider whose tokens, keys and availability a
// test controls. Module test/oidc tests with a real provider.
//
//	key := oidctest.NewKey(t, "one", jose.ES256)
//	provider := oidctest.New(t, now, key)
//	token := key.Sign(t, provider.Claims(map[string]any{"exp": 1})) // expired
package oidctest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Audience is the audience of Claims.
const Audience = "nufi"

// Shared is a secret that each Issuer publishes as the key "shared". A signature with it
// must not be accepted.
const Shared = "a-secret-of-32-bytes-that-is-not"

// Issuer serves a discovery document, keys and, if a test sets Tokens, a token endpoint.
type Issuer struct {
	*httptest.Server

	Tokens   http.HandlerFunc
	UserInfo http.HandlerFunc
	// ClientMethods are in the discovery document, if not nil.
	ClientMethods []string

	now     time.Time
	down    atomic.Bool
	fetches atomic.Int32

	mu   sync.Mutex
	keys []Key
}

// New starts a provider whose time is now. It ends with the test.
func New(t *testing.T, now time.Time, keys ...Key) *Issuer {
	t.Helper()
	i := &Issuer{now: now, keys: keys, Tokens: http.NotFound, UserInfo: http.NotFound}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		document := map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
			"userinfo_endpoint": i.URL + "/userinfo",
		}
		if i.ClientMethods != nil {
			document["token_endpoint_auth_methods_supported"] = i.ClientMethods
		}
		Answer(w, document)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		Answer(w, i.public())
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { i.Tokens(w, r) })
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) { i.UserInfo(w, r) })
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.down.Load() {
			http.Error(w, "the provider is down", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

// Answer writes a value as JSON.
func Answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(err)
	}
}

// Down makes the provider answer 502 to every request, or ends that.
func (i *Issuer) Down(down bool) { i.down.Store(down) }

// KeyFetches counts requests of the keys.
func (i *Issuer) KeyFetches() int { return int(i.fetches.Load()) }

// Rotate replaces the keys.
func (i *Issuer) Rotate(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

func (i *Issuer) public() jose.JSONWebKeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: []byte(Shared), KeyID: "shared"}}}
	for _, key := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Private.Public(), KeyID: key.ID, Algorithm: string(key.Alg), Use: "sig"})
	}
	return set
}

// Claims returns claims of ann in the group research, which are valid for an hour, with
// changes. A nil removes a claim.
func (i *Issuer) Claims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": i.URL, "aud": Audience, "sub": "1234", "name": "ann", "groups": []string{"research"},
		"iat": i.now.Add(-time.Minute).Unix(), "exp": i.now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}
