package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/cmd/internal/program"
)

// tokenReviewTTL is how long the result of a token review is cached.
const tokenReviewTTL = 10 * time.Second

// authenticators returns, in this order, those of the provider, the cluster, sessions and
// --dev-auth.
func authenticators(ctx context.Context, f flags, system *kube.SystemClient, metrics *auth.Metrics) (auth.Authenticator, *auth.Login, error) {
	var chain []auth.Authenticator
	var login *auth.Login
	var sessions *auth.Sessions
	if f.oidc.issuer != "" {
		provider, err := f.oidc.provider(ctx, metrics)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, metrics.Count("oidc", provider))
		if f.oidc.redirectURL != "" {
			if login, sessions, err = f.oidc.login(provider, logr.FromContextOrDiscard(ctx)); err != nil {
				return nil, nil, err
			}
		}
	}
	chain = append(chain, metrics.Count("token", auth.NewTokenReview(system.TokenReviews(), f.tokenAudiences, tokenReviewTTL)))
	if sessions != nil {
		chain = append(chain, metrics.Count("session", sessions))
	}
	if f.devAuth != "" {
		user, err := auth.NewUser(f.devAuth, nil)
		if err != nil {
			return nil, nil, fmt.Errorf("--dev-auth: %w", err)
		}
		chain = append(chain, metrics.Count("dev", auth.NewDev(user)))
	}
	return auth.Chain(chain...), login, nil
}

func (o *oidcFlags) provider(ctx context.Context, metrics *auth.Metrics) (*auth.OIDC, error) {
	options := auth.OIDCOptions{
		Issuer: o.issuer, Audiences: o.audiences,
		UsernameClaim: o.usernameClaim, GroupsClaim: o.groupsClaim,
		UsernamePrefix: o.usernamePrefix, GroupsPrefix: o.groupsPrefix,
		Skew: 10 * time.Second, Metrics: metrics,
	}
	if o.ca != "" {
		var err error
		if options.CA, err = program.ReadCertPool(o.ca); err != nil {
			return nil, fmt.Errorf("--oidc-ca-file: %w", err)
		}
	}
	provider, err := auth.NewOIDC(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("OpenID Connect: %w", err)
	}
	return provider, nil
}

func (o *oidcFlags) login(provider *auth.OIDC, logger logr.Logger) (*auth.Login, *auth.Sessions, error) {
	keys, err := auth.NewKeys(o.sessionKeys)
	if err != nil {
		return nil, nil, fmt.Errorf("--session-keys-file: %w", err)
	}
	keys.OnReload(func(err error) {
		if err == nil {
			logger.Info("The session keys are valid again")
			return
		}
		logger.Error(err, "Reading the session keys failed: the previous keys stay in use")
	})
	sessions, err := auth.NewSessions(keys, o.session, time.Now)
	if err != nil {
		return nil, nil, fmt.Errorf("--session-time: %w", err)
	}
	options := auth.LoginOptions{RedirectURL: o.redirectURL, Scopes: o.scopes, Fail: rest.Rejected("login", problem.WriteStatus)}
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
