package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	maxAnswerBytes  = 1 << 20

	// Anyone can name a key that nobody has, and each such name has the keys fetched.
	keyFetchesPerSecond = 1
	keyFetchBurst       = 10
)

// provider is what discovery found.
type provider struct {
	endpoint oauth2.Endpoint
	keys     oidc.KeySet
}

func newHTTPClient(ca *x509.CertPool) *http.Client {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: providerTimeout,
		IdleConnTimeout:     time.Minute,
		ForceAttemptHTTP2:   true,
	}
	return &http.Client{Transport: sober{transport}, Timeout: providerTimeout}
}

// sober reads no endless answer.
type sober struct{ next http.RoundTripper }

func (s sober) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = limited{io.LimitReader(answer.Body, maxAnswerBytes), answer.Body}
	return answer, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// discover tries until it has found the provider, ever more rarely.
func (o *OIDC) discover(ctx context.Context) {
	log := logr.FromContextOrDiscard(ctx).WithValues("issuer", o.options.Issuer)
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 1 << 30, Cap: 30 * time.Second}
	_ = backoff.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		found, err := o.find(ctx)
		if err != nil {
			log.Info("did not reach the OIDC provider", "cause", clip(err.Error()))
			return false, nil
		}
		o.provider.Store(found)
		log.Info("found the OIDC provider")
		return true, nil
	}) // it ends without the provider only if ctx does
}

func (o *OIDC) find(ctx context.Context) (*provider, error) {
	ctx = oidc.ClientContext(ctx, o.client)
	found, err := oidc.NewProvider(ctx, o.options.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovering the provider: %w", err)
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := found.Claims(&where); err != nil {
		return nil, fmt.Errorf("reading where the provider's keys are: %w", err)
	}
	fetcher := &http.Client{Timeout: providerTimeout, Transport: &keyFetches{
		next: o.client.Transport, limit: rate.NewLimiter(keyFetchesPerSecond, keyFetchBurst),
	}}
	ctx = oidc.ClientContext(ctx, fetcher)
	fresh := func() oidc.KeySet { return oidc.NewRemoteKeySet(ctx, where.Keys) }
	return &provider{endpoint: found.Endpoint(), keys: &keySets{fresh: fresh, clock: o.options.Clock}}, nil
}

// errTooOften says that the keys have just been fetched: who signed with another is unknown.
var errTooOften = errors.New("the provider's keys are not fetched so often")

// keyFetches bounds how often the keys are fetched, and makes an answer without keys an
// error that can be told from a wrong signature.
type keyFetches struct {
	next  http.RoundTripper
	limit *rate.Limiter

	mu   sync.Mutex
	last error // of the last fetch
}

func (k *keyFetches) RoundTrip(r *http.Request) (*http.Response, error) {
	if !k.limit.Allow() {
		return nil, k.lastOr(errTooOften)
	}
	answer, err := k.next.RoundTrip(r)
	if err == nil && answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close() // nothing in it is wanted
		err = fmt.Errorf("the provider answers %s", answer.Status)
	}
	k.mu.Lock()
	k.last = err
	k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (k *keyFetches) lastOr(other error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last != nil {
		return k.last
	}
	return other
}

// keysOnce is the key set for one token. The verifier drops the cause of its errors, so
// this keeps whether the keys could not be had.
type keysOnce struct {
	keys   oidc.KeySet
	outage error
}

// VerifySignature is called by the verifier, at most once.
func (k *keysOnce) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.keys.VerifySignature(ctx, jwt)
	var request *url.Error
	if errors.As(err, &request) && !errors.Is(err, errTooOften) || ctx.Err() != nil {
		k.outage = err
	}
	return payload, err
}
