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

// flags are all that can be configured.
type flags struct {
	kubeconfig          string
	templatesDir        string
	address, opsAddress string
	tlsCert, tlsKey     string
	trustedOrigins      []string
	tokenAudiences      []string
	devAuth             string
	drain               time.Duration
	logLevel, logFormat string
	oidc                oidcFlags
	prometheus          program.PrometheusFlags
}

// oidcFlags are those of the provider; without an issuer there is none.
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
		Short:         "Serve NuFi's REST API, to each person with their own rights in the cluster",
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
	set.StringVar(&f.kubeconfig, "kubeconfig", "",
		"file with the access to the cluster; without, $KUBECONFIG, the pod's service account or ~/.kube/config")
	set.StringVar(&f.address, "bind-address", ":8080", "where the API is served")
	set.StringVar(&f.opsAddress, "metrics-bind-address", ":8081", "where /metrics, /healthz and /readyz are served; 0 serves none")
	set.StringVar(&f.templatesDir, "templates", "",
		"directory with cue.mod and schemas that replaces the templates compiled in, as the controller has it; changes take effect once they are judged")
	set.StringVar(&f.tlsCert, "tls-cert-file", "", "certificate to serve with, PEM, read again when it changes; without, TLS is for who stands before the server")
	set.StringVar(&f.tlsKey, "tls-private-key-file", "", "its key")
	set.StringSliceVar(&f.trustedOrigins, "trusted-origin", nil, "scheme://host[:port] of other pages that may read and write")
	set.StringSliceVar(&f.tokenAudiences, "token-audience", nil, "audience of the cluster's own tokens; without, those of Kubernetes' API server")
	set.StringVar(&f.devAuth, "dev-auth", "", "for development: every request is this person's; the address has to be a loopback address")
	set.DurationVar(&f.drain, "drain", 5*time.Second, "how long to go on serving after a SIGTERM, while load balancers learn of it")
	set.StringVar(&f.logLevel, "log-level", "info", "debug, info or error")
	set.StringVar(&f.logFormat, "log-format", "json", "json or console")
	f.oidc.add(command)
	f.prometheus.Add(set, "prometheus-")
	return command
}

func (o *oidcFlags) add(command *cobra.Command) {
	set := command.Flags()
	set.StringVar(&o.issuer, "oidc-issuer-url", "", "OpenID Connect provider whose tokens are believed; without, none is")
	set.StringVar(&o.ca, "oidc-ca-file", "", "who signs the provider's certificate, PEM; without, the system's")
	set.StringSliceVar(&o.audiences, "oidc-audience", nil, "audience of its tokens; the first is the client of browser logins")
	set.StringVar(&o.usernameClaim, "oidc-username-claim", "sub", "claim with a person's name")
	set.StringVar(&o.groupsClaim, "oidc-groups-claim", "", "claim with their groups; without, they have none")
	set.StringVar(&o.usernamePrefix, "oidc-username-prefix", "oidc:", "what is put before names")
	set.StringVar(&o.groupsPrefix, "oidc-groups-prefix", "oidc:", "what is put before groups")
	set.StringVar(&o.redirectURL, "login-redirect-url", "", "https://HOST/login/callback, as browsers see it; without, nobody logs in with a browser")
	set.StringVar(&o.secretFile, "login-client-secret-file", "", "file with the client's secret; without, it is a public client")
	set.StringSliceVar(&o.scopes, "login-scope", []string{"profile", "email"}, "what a login asks for besides openid")
	set.StringVar(&o.sessionKeys, "session-keys-file", "", "file with the keys that seal sessions (openssl rand -base64 32), one a line")
	set.DurationVar(&o.session, "session-time", time.Hour, "how long a login lasts")
}

// check refuses what would be open to others than it says.
func (f *flags) check() error {
	if f.devAuth != "" {
		if err := auth.CheckLoopback(f.address); err != nil {
			return fmt.Errorf("--dev-auth is for one machine: --bind-address: %w", err)
		}
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return errors.New("--tls-cert-file and --tls-private-key-file go together")
	}
	if f.oidc.redirectURL != "" && (f.oidc.issuer == "" || f.oidc.sessionKeys == "") {
		return errors.New("--login-redirect-url takes --oidc-issuer-url and --session-keys-file")
	}
	return nil
}
