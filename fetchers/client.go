package fetchers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// MaxAnswer is the size of the largest answer that is read, in bytes: room for some
// 100,000 series.
const MaxAnswer = 64 << 20

// ClientConfig says where Prometheus is and how to get in.
type ClientConfig struct {
	URL string
	// Token is asked for before each query, since it may expire. Nil sends none.
	Token func() (string, error)
	// TLS is nil for the system's certificate authorities.
	TLS *tls.Config
}

var errURL = errors.New("want http://HOST or https://HOST")

// NewClient makes a Querier over HTTP that trusts the other end with nothing: answers are
// bounded in size, redirects are not followed, and what is not JSON is not parsed.
func NewClient(config ClientConfig) (Querier, error) {
	address, err := url.Parse(config.URL)
	if err == nil && (address.Host == "" || address.Scheme != "http" && address.Scheme != "https") {
		err = errURL
	}
	if err != nil {
		return nil, fmt.Errorf("reading the address of Prometheus: %w", err)
	}
	client, err := api.NewClient(api.Config{
		Address:      config.URL,
		RoundTripper: &guard{next: transport(config.TLS), token: config.Token},
	})
	if err != nil {
		return nil, fmt.Errorf("making a client of Prometheus: %w", err)
	}
	return NewQuerier(promv1.NewAPI(client)), nil
}

func transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// guard stands between Prometheus, or what claims to be it, and the API client.
type guard struct {
	next  http.RoundTripper
	token func() (string, error)
}

func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if g.token != nil {
		token, err := g.token()
		if err != nil {
			return nil, fmt.Errorf("%w: reading the token: %w", ErrUnauthorized, err)
		}
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if err := judge(response); err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	response.Body = &limited{ReadCloser: response.Body, left: MaxAnswer}
	return response, nil
}

func judge(response *http.Response) error {
	switch code := response.StatusCode; {
	case code == http.StatusForbidden && response.Request.Method == http.MethodPost:
		return nil // The API client tries again with GET.
	case code == http.StatusMethodNotAllowed, code == http.StatusNotImplemented:
		return nil // And here.
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return fmt.Errorf("%w: %s", ErrUnauthorized, printable(response.Status))
	case code >= 300 && code < 400:
		return fmt.Errorf("%w: %s to %s", ErrRedirected, printable(response.Status), printable(response.Header.Get("Location")))
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch isJSON := strings.HasSuffix(kind, "json"); {
	case !isJSON && response.StatusCode >= 500:
		return fmt.Errorf("%w: %s", ErrUnreachable, printable(response.Status))
	case !isJSON:
		return fmt.Errorf("%w: %s, %q", ErrNotPrometheus, printable(response.Status), printable(kind))
	}
	return nil
}

// limited fails where io.LimitReader would cut: a cut answer must not look complete.
type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%w: %d bytes or more", ErrTooLarge, MaxAnswer)
	}
	n, err := l.ReadCloser.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
