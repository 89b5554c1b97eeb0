#!/usr/bin/env bash
# github.com/coreos/go-oidc/v3 v3.21.0 and golang.org/x/oauth2 v0.36.0: with an oauth2.Config for each login, each code is sent twice, first in
# a way that the provider has said it does not support.
#
# Expected: go-oidc's Provider.Endpoint has what discovery says of the token endpoint, such as token_endpoint_auth_methods_supported. If
# oauth2 must find out how to send the client's secret, it does so once: AuthStyleAutoDetect is documented as "trying both ways and caching the
# successful way for the future".
# Observed: go-oidc does not read the methods, and oauth2 tries the header first. What it learns is kept in the Config: a program that makes the
# cheap struct in each handler sends each code twice. A code is valid once: if the provider spends it on the failed
# attempt, which is its choice, no login ever succeeds, and the error is that of the second attempt, invalid_grant; that of the
# first, which tells the cause, is lost. The same second attempt follows any other error, such as a 503.
#
# The program has a provider that supports client_secret_post only, with and without such a choice.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tgithub.com/coreos/go-oidc/v3 v3.21.0\n\tgolang.org/x/oauth2 v0.36.0\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// provider supports client_secret_post only.
type provider struct {
	spends bool // a code that comes with a wrong secret is not valid any more
	spent  map[string]bool
	ways   []string
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	code, way := r.PostFormValue("code"), "post"
	if _, _, ok := r.BasicAuth(); ok {
		way = "basic"
	}
	p.ways = append(p.ways, way)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case way == "basic":
		p.spent[code] = p.spends
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "invalid_client"}`)
	case p.spent[code]:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "invalid_grant"}`)
	default:
		p.spent[code] = true
		fmt.Fprint(w, `{"access_token": "token", "token_type": "Bearer"}`)
	}
}

func logins(title string, spends, oneConfig bool) {
	p := &provider{spends: spends, spent: map[string]bool{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer": %q, "token_endpoint": "%s/token", "token_endpoint_auth_methods_supported": ["client_secret_post"]}`, server.URL, server.URL)
	})
	discovered, err := oidc.NewProvider(context.Background(), server.URL)
	if err != nil {
		panic(err)
	}
	newConfig := func() *oauth2.Config {
		return &oauth2.Config{ClientID: "client", ClientSecret: "secret", Endpoint: discovered.Endpoint()}
	}
	config := newConfig()
	var results []string
	for _, code := range []string{"one", "two"} {
		if !oneConfig {
			config = newConfig()
		}
		_, err := config.Exchange(context.Background(), code)
		var rejected *oauth2.RetrieveError
		if errors.As(err, &rejected) {
			results = append(results, rejected.ErrorCode)
		} else {
			results = append(results, "ok")
		}
	}
	fmt.Printf("%s: sent by %s: %s\n", title, strings.Join(p.ways, " "), strings.Join(results, " "))
}

func main() {
	logins("one Config for two logins", false, true)
	logins("a Config for each", false, false)
	logins("one Config, and a provider that spends codes", true, true)
	logins("a Config for each, and such a provider", true, false)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
one Config for two logins: sent by basic post post: ok ok
a Config for each: sent by basic post basic post: ok ok
one Config, and a provider that spends codes: sent by basic post basic post: invalid_grant invalid_grant
a Config for each, and such a provider: sent by basic post basic post: invalid_grant invalid_grant
OUT
echo 'as described'
