package auth

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-logr/logr"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	providerTimeout = 10 * time.Second
	maxResponseSize = 1 << 20 // bytes

	// Each token with an unknown key ID causes a fetch of the keys, and anyone can send one.
	keyFetchesPerSecond = 1
	keyFetchBurst       = 10
)

// provider is the result of discovery.
type provider struct {
	discovered *oidc.Provider
	keys       oidc.KeySet
	// clientMethods are the ways of sending a client's secret that the token endpoint supports; empty
	// if the provider does not say.
	clientMethods []string
}

func newHTTPClient(ca *x509.CertPool) *http.Client {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: providerTimeout,
		IdleConnTimeout:     time.Minute,
		ForceAttemptHTTP2:   true,
	}
	return &http.Client{Transport: limitedTransport{transport}, Timeout: providerTimeout}
}

// limitedTransport truncates long responses.
type limitedTransport struct{ next http.RoundTripper }

func (t limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = limitedBody{io.LimitReader(response.Body, maxResponseSize), response.Body}
	return response, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}

// discover retries discovery with back-off until it succeeds or ctx ends.
func (o *OIDC) discover(ctx context.Context) {
	log := logr.FromContextOrDiscard(ctx).WithValues("issuer", o.options.Issuer)
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 1 << 30, Cap: 30 * time.Second}
	_ = backoff.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		provider, err := o.newProvider(ctx)
		if err != nil {
			log.Info("Discovery of the OIDC provider failed", "cause", clip(err.Error()))
			return false, nil
		}
		o.provider.Store(provider)
		log.Info("Discovered the OIDC provider")
		return true, nil
	}) // the only error is ctx's
}

func (o *OIDC) newProvider(ctx context.Context) (*provider, error) {
	ctx = oidc.ClientContext(ctx, o.client)
	discovered, err := oidc.NewProvider(ctx, o.options.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovering the provider: %w", err)
	}
	var metadata struct {
		KeysURL       string   `json:"jwks_uri"`
		ClientMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := discovered.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("reading the provider's metadata: %w", err)
	}
	fetcher := &http.Client{Timeout: providerTimeout, Transport: &keyFetches{
		next: o.client.Transport, limit: rate.NewLimiter(keyFetchesPerSecond, keyFetchBurst), metrics: o.options.Metrics,
	}}
	ctx = oidc.ClientContext(ctx, fetcher)
	newKeySet := func() oidc.KeySet { return oidc.NewRemoteKeySet(ctx, metadata.KeysURL) }
	keys := &keySets{newKeySet: newKeySet, clock: o.options.Clock}
	return &provider{discovered: discovered, keys: keys, clientMethods: metadata.ClientMethods}, nil
}

// authStyle returns how a client sends its secret. If the provider supports both ways, or does not say, oauth2 finds out
// which one this client is registered with: by a second attempt with the same code, which a provider may reject.
func (p *provider) authStyle(secret string) oauth2.AuthStyle {
	basic, post := slices.Contains(p.clientMethods, "client_secret_basic"), slices.Contains(p.clientMethods, "client_secret_post")
	switch {
	case secret == "", post && !basic:
		return oauth2.AuthStyleInParams
	case basic && !post:
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleAutoDetect
}

// errFetchLimit reports a fetch of the keys shortly after a successful one. The key ID of the
// token is unknown then.
var errFetchLimit = errors.New("the provider's keys were fetched a moment ago")

// keyFetches limits the rate of key fetches. It returns an error for a response without keys,
// which otherwise would be indistinguishable from a wrong signature.
type keyFetches struct {
	next    http.RoundTripper
	limit   *rate.Limiter
	metrics *Metrics

	mu      sync.Mutex
	lastErr error // of the last fetch
}

func (k *keyFetches) RoundTrip(r *http.Request) (*http.Response, error) {
	if !k.limit.Allow() {
		k.metrics.countKeyFetch("limited")
		return nil, cmp.Or(k.last(), errFetchLimit)
	}
	response, err := k.next.RoundTrip(r)
	if err == nil && response.StatusCode != http.StatusOK {
		_ = response.Body.Close() // the status is the result
		err = fmt.Errorf("the provider answered %s", response.Status)
	}
	k.mu.Lock()
	k.lastErr = err
	k.mu.Unlock()
	if err != nil {
		k.metrics.countKeyFetch("failed")
		return nil, err
	}
	k.metrics.countKeyFetch("fetched")
	return response, nil
}

func (k *keyFetches) last() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lastErr
}

// singleUseKeySet verifies one token. go-oidc drops the cause of its errors, so this type
// records whether the keys could not be fetched.
type singleUseKeySet struct {
	keys   oidc.KeySet
	outage error
}

// VerifySignature is called at most once.
func (k *singleUseKeySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.keys.VerifySignature(ctx, jwt)
	_, isOutage := errors.AsType[*url.Error](err)
	if isOutage && !errors.Is(err, errFetchLimit) || ctx.Err() != nil {
		k.outage = err
	}
	return payload, err
}
