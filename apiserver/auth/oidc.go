package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// maxSkew bounds how far a provider's clock may be from ours.
const maxSkew = 5 * time.Minute

// OIDCOptions say which tokens are believed, and who their bearers are.
type OIDCOptions struct {
	Issuer    string   // the provider's URL, as in the iss claim: https, or http on loopback
	Audiences []string // a token is for one of these; the first is the client of a browser's login

	UsernameClaim string // "sub" if empty; an "email" has to be verified
	GroupsClaim   string // a string or a list of them; if empty, there are no groups

	// The prefixes keep the provider's people apart from all others that the cluster knows.
	// They may not be empty.
	UsernamePrefix, GroupsPrefix string

	CA          *x509.CertPool   // who signs the provider's certificate; nil: the system's
	SigningAlgs []string         // of RS, PS, ES with 256, 384, 512, and EdDSA; empty: all of these
	Skew        time.Duration    // of the provider's clock, up to 5 minutes
	Clock       func() time.Time // time.Now if nil
}

// asymmetric are the algorithms whose verifiers cannot sign. There is no "none" and no HMAC.
func asymmetric() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
}

// OIDC believes the tokens of one OpenID Connect provider. Until the provider has been
// reached for the first time its answer is ErrUnavailable.
type OIDC struct {
	options  OIDCOptions
	client   *http.Client
	provider atomic.Pointer[provider]
}

// NewOIDC returns at once and looks for the provider until it is found or ctx ends.
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
	for flag, prefix := range map[string]string{"username prefix": o.UsernamePrefix, "groups prefix": o.GroupsPrefix} {
		if err := checkIdentity(prefix); err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
	}
	if len(o.Audiences) == 0 || slices.Contains(o.Audiences, "") {
		return errors.New("audience: empty, so that tokens for other programs would be believed")
	}
	for _, alg := range o.SigningAlgs {
		if !slices.Contains(asymmetric(), alg) {
			return fmt.Errorf("signing algorithms: %q is none of %s", alg, strings.Join(asymmetric(), ", "))
		}
	}
	if o.Skew < 0 || o.Skew > maxSkew {
		return fmt.Errorf("clock skew: %s is not between 0 and %s", o.Skew, maxSkew)
	}
	o.fill()
	return nil
}

func (o *OIDCOptions) fill() {
	if len(o.SigningAlgs) == 0 {
		o.SigningAlgs = asymmetric()
	}
	if o.UsernameClaim == "" {
		o.UsernameClaim = "sub"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
}

func checkIssuer(issuer string) error {
	at, err := url.Parse(issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	ip := net.ParseIP(at.Hostname())
	local := at.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if at.Host == "" || at.Scheme != "https" && (at.Scheme != "http" || !local) {
		return fmt.Errorf("issuer: %q is not an https URL", issuer)
	}
	return nil
}

// Ready is nil once the provider has been found.
func (o *OIDC) Ready() error {
	if o.provider.Load() == nil {
		return fmt.Errorf("%w: the provider %s has not been reached", ErrUnavailable, o.options.Issuer)
	}
	return nil
}

// Authenticate believes a bearer token of the provider's.
func (o *OIDC) Authenticate(r *http.Request) (User, error) {
	token, err := bearer(r)
	if err != nil {
		return User{}, err
	}
	if issuer, ok := issuerOf(token); !ok || issuer != o.options.Issuer {
		return User{}, &InvalidError{Reason: "the token is not of the provider's", Foreign: true}
	}
	claims, err := o.verify(r.Context(), token)
	if err != nil {
		return User{}, err
	}
	if !intersect(claims.token.Audience, o.options.Audiences) {
		return User{}, &InvalidError{Reason: "the token is for another audience"}
	}
	return o.person(claims)
}

// verify checks the signature and the times, but not for whom the token is.
func (o *OIDC) verify(ctx context.Context, raw string) (*claims, error) {
	found := o.provider.Load()
	if found == nil {
		return nil, o.Ready()
	}
	keys := &keysOnce{keys: found.keys}
	verifier := oidc.NewVerifier(o.options.Issuer, keys, &oidc.Config{
		SupportedSigningAlgs: o.options.SigningAlgs,
		SkipClientIDCheck:    true, // there may be several audiences
		SkipExpiryCheck:      true, // it allows no skew for exp and five minutes for nbf
	})
	token, err := verifier.Verify(ctx, raw)
	switch {
	case keys.outage != nil:
		return nil, fmt.Errorf("%w: fetching the provider's keys: %w", ErrUnavailable, keys.outage)
	case err != nil:
		return nil, &InvalidError{Reason: "the token is malformed, or not signed by the provider"}
	}
	return o.readClaims(token)
}
