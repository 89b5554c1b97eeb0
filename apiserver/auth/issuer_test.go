package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/dudaji/nufi/apiserver/auth"
)

const (
	audience = "nufi"
	shared   = "a-secret-of-32-bytes-that-is-not"
)

// now is the time of all tests.
var now = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// signer is one key of a provider's.
type signer struct {
	id  string
	alg jose.SignatureAlgorithm
	key crypto.Signer
}

func newSigner(t *testing.T, id string, alg jose.SignatureAlgorithm) signer {
	t.Helper()
	var key crypto.Signer
	var err error
	if alg == jose.ES256 {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, alg, key}
}

func (s signer) sign(t *testing.T, claims any) string {
	t.Helper()
	return sign(t, jose.SigningKey{Algorithm: s.alg, Key: jose.JSONWebKey{Key: s.key, KeyID: s.id}}, claims)
}

func sign(t *testing.T, key jose.SigningKey, claims any) string {
	t.Helper()
	made, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign(content)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// issuer is a provider's discovery document and keys, over TLS or not.
type issuer struct {
	*httptest.Server
	down    atomic.Bool
	fetches atomic.Int32 // of keys
	tokens  http.HandlerFunc

	mu   sync.Mutex
	keys []signer
}

func newIssuer(t *testing.T, keys ...signer) *issuer {
	t.Helper()
	i := &issuer{keys: keys}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		answer(w, i.public())
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { i.tokens(w, r) })
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

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(err)
	}
}

// rotate replaces the keys.
func (i *issuer) rotate(keys ...signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

func (i *issuer) public() jose.JSONWebKeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	// A provider that publishes a secret does not make a signature of it.
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: []byte(shared), KeyID: "shared"}}}
	for _, key := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.key.Public(), KeyID: key.id, Algorithm: string(key.alg), Use: "sig"})
	}
	return set
}

// claims are good ones, with changes; a nil removes one.
func (i *issuer) claims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": i.URL, "aud": audience, "sub": "1234", "name": "ann", "groups": []string{"research"},
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func (i *issuer) options() auth.OIDCOptions {
	return auth.OIDCOptions{
		Issuer: i.URL, Audiences: []string{audience}, UsernameClaim: "name", GroupsClaim: "groups",
		UsernamePrefix: "oidc:", GroupsPrefix: "oidc:", Skew: 30 * time.Second, Clock: clock,
	}
}

// open returns an authenticator that has found the issuer.
func (i *issuer) open(t *testing.T, options auth.OIDCOptions) *auth.OIDC {
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
