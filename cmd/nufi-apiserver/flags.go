package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/cmd/internal/program"
)

// flags configure the API server.
type flags struct {
	program.Flags

	templatesDir    string
	address         string
	tlsCert, tlsKey string
	trustedOrigins  []string
	tokenAudiences  []string
	devAuth         string
	drain           time.Duration
	oidc            oidcFlags
	prometheus      program.PrometheusFlags
}

// oidcFlags configure the provider and browser logins. Without an issuer there is no provider.
type oidcFlags struct {
	issuer, ca                   string
	audiences                    []string
	usernameClaim, groupsClaim   string
	usernamePrefix, groupsPrefix string
	redirectURL, secretFile      string
	sessionKeys                  string
	session                      time.Duration
	scopes                       []string
}

func newCommand(run func(context.Context, flags) error) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:           "nufi-apiserver",
		Short:         "Serve NuFi's REST API, with the permissions of each user in the cluster",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return run(command.Context(), f)
		},
	}
	set := command.Flags()
	f.Add(set, ":8081", "/metrics, /healthz and /readyz; 0 for none")
	set.StringVar(&f.address, "bind-address", ":8080", "address of the API")
	set.StringVar(&f.templatesDir, "templates", "",
		"directory with cue.mod and schemas that replaces the compiled-in templates, as for the controller; changes take effect after validation")
	set.StringVar(&f.tlsCert, "tls-cert-file", "", "certificate, PEM, reloaded when it changes; if empty, a proxy must terminate TLS")
	set.StringVar(&f.tlsKey, "tls-private-key-file", "", "key of the certificate")
	set.StringSliceVar(&f.trustedOrigins, "trusted-origin", nil, "scheme://host[:port] of other sites whose pages may read and write")
	set.StringSliceVar(&f.tokenAudiences, "token-audience", nil, "audience of the cluster's own tokens; if empty, those of Kubernetes' API server")
	set.StringVar(&f.devAuth, "dev-auth", "", "for development: the user of every request; --bind-address must be a loopback address")
	set.DurationVar(&f.drain, "drain", 5*time.Second, "how long to serve after a SIGTERM, while load balancers remove the server")
	f.oidc.add(command)
	f.prometheus.Add(set, "prometheus-")
	return command
}

func (o *oidcFlags) add(command *cobra.Command) {
	set := command.Flags()
	set.StringVar(&o.issuer, "oidc-issuer-url", "", "OpenID Connect provider whose tokens are accepted")
	set.StringVar(&o.ca, "oidc-ca-file", "", "certificate authorities of the provider, PEM; if empty, the system's")
	set.StringSliceVar(&o.audiences, "oidc-audience", nil, "audience of the provider's tokens; the first is the client ID of browser logins")
	set.StringVar(&o.usernameClaim, "oidc-username-claim", "sub", "claim with the user's name")
	set.StringVar(&o.groupsClaim, "oidc-groups-claim", "", "claim with the user's groups; if empty, users have no groups")
	set.StringVar(&o.usernamePrefix, "oidc-username-prefix", "oidc:", "prefix of user names")
	set.StringVar(&o.groupsPrefix, "oidc-groups-prefix", "oidc:", "prefix of group names")
	set.StringVar(&o.redirectURL, "login-redirect-url", "", "https://HOST/login/callback, as browsers see it; if empty, there are no browser logins")
	set.StringVar(&o.secretFile, "login-client-secret-file", "", "file with the client's secret; if empty, the client is public")
	set.StringSliceVar(&o.scopes, "login-scope", []string{"profile", "email"}, "scopes of a login besides openid")
	set.StringVar(&o.sessionKeys, "session-keys-file", "", "file with the keys that encrypt sessions (openssl rand -base64 32), one per line")
	set.DurationVar(&o.session, "session-time", time.Hour, "lifetime of a session")
}

// check rejects flags that would open the server to others, or that have no effect.
func (f *flags) check() error {
	if f.devAuth != "" {
		if err := auth.CheckLoopback(f.address); err != nil {
			return fmt.Errorf("--dev-auth requires a loopback address: --bind-address: %w", err)
		}
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return errors.New("--tls-cert-file and --tls-private-key-file go together")
	}
	if f.oidc.redirectURL != "" && (f.oidc.issuer == "" || f.oidc.sessionKeys == "") {
		return errors.New("--login-redirect-url requires --oidc-issuer-url and --session-keys-file")
	}
	return nil
}
