#!/usr/bin/env bash
# github.com/coreos/go-oidc/v3 v3.21.0: a token may be used five minutes before its nbf, but not one second after its exp.
#
# Expected: a verifier allows for clocks that differ by the same amount at both ends of a token's validity, or at neither. A program
# whose clock is ten seconds ahead accepts a token until shortly before its end.
# Observed: nbf has a leeway of five minutes, which the configuration cannot change, exp has none. With tokens of a minute, such as those of
# some proxies, and a clock that is a minute ahead, each token is rejected as expired. Skipping the check and comparing exp oneself is the way to a leeway.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/coreos/go-oidc/v3 v3.21.0
	github.com/go-jose/go-jose/v4 v4.1.9
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil))
	start := time.Unix(1_800_000_000, 0)
	claims := must(json.Marshal(map[string]any{
		"iss": "https://issuer", "aud": "client", "sub": "a",
		"iat": start.Unix(), "nbf": start.Unix(), "exp": start.Add(time.Minute).Unix(),
	}))
	token := must(must(signer.Sign(claims)).CompactSerialize())
	for _, clock := range []time.Duration{-301 * time.Second, -299 * time.Second, 0, 59 * time.Second, 61 * time.Second} {
		verifier := oidc.NewVerifier("https://issuer", &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Public()}}, &oidc.Config{
			ClientID: "client", SupportedSigningAlgs: []string{"ES256"}, Now: func() time.Time { return start.Add(clock) },
		})
		_, err := verifier.Verify(context.Background(), token)
		fmt.Printf("a token of a minute, %v after its nbf: accepted %t\n", clock, err == nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
a token of a minute, -5m1s after its nbf: accepted false
a token of a minute, -4m59s after its nbf: accepted true
a token of a minute, 0s after its nbf: accepted true
a token of a minute, 59s after its nbf: accepted true
a token of a minute, 1m1s after its nbf: accepted false
OUT
echo 'as described'
