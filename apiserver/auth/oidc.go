package auth

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// maxSkew bounds the difference between the provider's clock and this machine's.
const maxSkew = 5 * time.Minute

// OIDCOptions configure which tokens are accepted and how their claims map to a User.
type OIDCOptions struct {
	Issuer    string   // the provider's URL, as in the iss claim: https, or http on loopback
	Audiences []string // a token must be for one of these; the first is the client of browser logins

	UsernameClaim string // "sub" if empty; an "email" must be verified
	GroupsClaim   string // a string or a list of strings; no groups if empty

	// The prefixes separate the provider's users and groups from all others of the cluster.
	// They must not be empty.
	UsernamePrefix, GroupsPrefix string

	CA      *x509.CertPool   // of the provider's certificate; the system's if nil
	Skew    time.Duration    // of the provider's clock, up to 5 minutes
	Clock   func() time.Time // time.Now if nil
	Metrics *Metrics         // may be nil
}

// asymmetricAlgs excludes "none" and HMAC, whose keys both sign and verify.
func asymmetricAlgs() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
}

// OIDC authenticates the tokens of one OpenID Connect provider. Until discovery has succeeded
// it returns ErrUnavailable.
type OIDC struct {
	options  OIDCOptions
	client   *http.Client
	provider atomic.Pointer[provider]
}

// NewOIDC does not wait for the provider: discovery is retried until it succeeds or ctx ends.
func NewOIDC(ctx context.Context, options OIDCOptions) (*OIDC, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	o := &OIDC{options: options, client: newHTTPClient(options.CA)}
	go o.discover(ctx)
	return o, nil
}

func (o *OIDCOptions) complete() error {
	if err := checkIssuer(o.Issuer); err != nil {
		return err
	}
	if err := checkIdentity(o.UsernamePrefix); err != nil {
		return fmt.Errorf("username prefix: %w", err)
	}
	if err := checkIdentity(o.GroupsPrefix); err != nil {
		return fmt.Errorf("groups prefix: %w", err)
	}
	if len(o.Audiences) == 0 || slices.Contains(o.Audiences, "") {
		return errors.New("audience: empty: tokens for other programs would be accepted")
	}
	if o.Skew < 0 || o.Skew > maxSkew {
		return fmt.Errorf("clock skew: %s is not between 0 and %s", o.Skew, maxSkew)
	}
	o.UsernameClaim = cmp.Or(o.UsernameClaim, "sub")
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return nil
}

func checkIssuer(issuer string) error {
	parsed, err := url.Parse(issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if parsed.Host == "" || parsed.Scheme != "https" && (parsed.Scheme != "http" || !isLoopback(parsed.Hostname())) {
		return fmt.Errorf("issuer: %q must be an https URL, or http on loopback", issuer)
	}
	return nil
}

// Ready returns nil once discovery has succeeded.
func (o *OIDC) Ready() error {
	if o.provider.Load() == nil {
		return fmt.Errorf("%w: discovery of the provider %s has not succeeded", ErrUnavailable, o.options.Issuer)
	}
	return nil
}

// Authenticate accepts a bearer token of the provider.
func (o *OIDC) Authenticate(r *http.Request) (User, error) {
	token, err := bearer(r)
	if err != nil {
		return User{}, err
	}
	if issuer, ok := issuerOf(token); !ok || issuer != o.options.Issuer {
		return User{}, &InvalidError{Reason: "the provider has not issued the token", Foreign: true}
	}
	claims, err := o.verify(r.Context(), token)
	if err != nil {
		return User{}, err
	}
	if !intersect(claims.audience(), o.options.Audiences) {
		return User{}, &InvalidError{Reason: "the token is for another audience"}
	}
	return o.user(claims)
}

// verify checks the signature and the lifetime, but not the audience.
func (o *OIDC) verify(ctx context.Context, raw string) (*claims, error) {
	provider := o.provider.Load()
	if provider == nil {
		return nil, o.Ready()
	}
	keys := &singleUseKeySet{keys: provider.keys}
	verifier := oidc.NewVerifier(o.options.Issuer, keys, &oidc.Config{
		SupportedSigningAlgs: asymmetricAlgs(),
		SkipClientIDCheck:    true, // there may be several audiences
		SkipExpiryCheck:      true, // go-oidc allows no skew for exp and five minutes for nbf
	})
	token, err := verifier.Verify(ctx, raw)
	switch {
	case keys.outage != nil:
		return nil, fmt.Errorf("%w: fetching the provider's keys: %w", ErrUnavailable, keys.outage)
	case err != nil:
		return nil, &InvalidError{Reason: "the token is malformed or not signed by the provider"}
	}
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return nil, &InvalidError{Reason: "the token's claims are not a JSON object"}
	}
	return o.readClaims(payload)
}
