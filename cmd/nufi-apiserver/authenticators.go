package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
)

// reviewed is how long the cluster's word on a token holds.
const reviewed = 10 * time.Second

// authenticators are who is believed: the provider, then the cluster, then sessions, and
// in development whoever asks.
func authenticators(ctx context.Context, f flags, system *kube.SystemClient) (auth.Authenticator, *auth.Login, error) {
	var chain []auth.Authenticator
	var login *auth.Login
	var sessions *auth.Sessions
	if f.oidc.issuer != "" {
		provider, err := f.oidc.provider(ctx)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, provider)
		if f.oidc.redirectURL != "" {
			if login, sessions, err = f.oidc.login(provider); err != nil {
				return nil, nil, err
			}
		}
	}
	chain = append(chain, auth.NewTokenReview(system.TokenReviews(), f.tokenAudiences, reviewed))
	if sessions != nil {
		chain = append(chain, sessions)
	}
	if f.devAuth != "" {
		person, err := auth.NewUser(f.devAuth, nil)
		if err != nil {
			return nil, nil, fmt.Errorf("--dev-auth: %w", err)
		}
		chain = append(chain, auth.NewDev(person))
	}
	return auth.Chain(chain...), login, nil
}

func (o *oidcFlags) provider(ctx context.Context) (*auth.OIDC, error) {
	options := auth.OIDCOptions{
		Issuer: o.issuer, Audiences: o.audiences,
		UsernameClaim: o.usernameClaim, GroupsClaim: o.groupsClaim,
		UsernamePrefix: o.usernamePrefix, GroupsPrefix: o.groupsPrefix,
		Skew: 10 * time.Second,
	}
	if o.ca != "" {
		text, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, fmt.Errorf("--oidc-ca-file: %w", err)
		}
		options.CA = x509.NewCertPool()
		if !options.CA.AppendCertsFromPEM(text) {
			return nil, errors.New("--oidc-ca-file: no certificate is in it")
		}
	}
	provider, err := auth.NewOIDC(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("OpenID Connect: %w", err)
	}
	return provider, nil
}

func (o *oidcFlags) login(provider *auth.OIDC) (*auth.Login, *auth.Sessions, error) {
	keys, err := auth.NewKeys(o.sessionKeys)
	if err != nil {
		return nil, nil, fmt.Errorf("--session-keys-file: %w", err)
	}
	sessions, err := auth.NewSessions(keys, o.session, time.Now)
	if err != nil {
		return nil, nil, fmt.Errorf("--session-time: %w", err)
	}
	options := auth.LoginOptions{RedirectURL: o.redirectURL, Scopes: o.scopes, Fail: problem.WriteStatus}
	if o.secretFile != "" {
		secret, err := os.ReadFile(o.secretFile)
		if err != nil {
			return nil, nil, fmt.Errorf("--login-client-secret-file: %w", err)
		}
		options.ClientSecret = strings.TrimSpace(string(secret))
	}
	login, err := auth.NewLogin(provider, sessions, options)
	if err != nil {
		return nil, nil, fmt.Errorf("--login-redirect-url: %w", err)
	}
	return login, sessions, nil
}
