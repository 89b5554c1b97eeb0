package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Key signs tokens.
type Key struct {
	ID      string
	Alg     jose.SignatureAlgorithm
	Private crypto.Signer
}

// NewKey returns a key for ES256, or an RSA key for another algorithm.
func NewKey(t *testing.T, id string, alg jose.SignatureAlgorithm) Key {
	t.Helper()
	var private crypto.Signer
	var err error
	if alg == jose.ES256 {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Key{id, alg, private}
}

// Sign returns a token with the claims.
func (k Key) Sign(t *testing.T, claims any) string {
	t.Helper()
	return sign(t, jose.SigningKey{Algorithm: k.Alg, Key: jose.JSONWebKey{Key: k.Private, KeyID: k.ID}}, claims, nil)
}

// SignEmbedded also puts the public key into the token, which a verifier must ignore.
func (k Key) SignEmbedded(t *testing.T, claims any) string {
	t.Helper()
	return sign(t, jose.SigningKey{Algorithm: k.Alg, Key: k.Private}, claims, &jose.SignerOptions{EmbedJWK: true})
}

// Confuse signs with the public key as if it were a shared secret.
func (k Key) Confuse(t *testing.T, claims any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: public, KeyID: k.ID}}, claims, nil)
}

// SignShared signs with the secret that every Issuer publishes.
func SignShared(t *testing.T, claims any) string {
	t.Helper()
	return sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte(Shared), KeyID: "shared"}}, claims, nil)
}

// Unsigned returns a token of the algorithm "none".
func Unsigned(t *testing.T, claims any) string {
	t.Helper()
	return Encode(t, map[string]string{"alg": "none"}) + "." + Encode(t, claims) + "."
}

// Encode returns a value as a part of a token.
func Encode(t *testing.T, value any) string {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(content)
}

func sign(t *testing.T, key jose.SigningKey, claims any, options *jose.SignerOptions) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(content)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
