package fetchers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ClientConfig configures the connection to Prometheus.
type ClientConfig struct {
	URL string
	// Token is called before each query, since tokens expire. Nil sends none.
	Token func() (string, error)
	// TLS is nil for the system's certificate authorities.
	TLS *tls.Config
}

var errURL = errors.New("must be http://HOST or https://HOST")

// NewClient returns a Querier over HTTP that does not trust the server: answers are bounded
// in size, redirects are not followed, and only JSON is parsed.
func NewClient(config ClientConfig) (Querier, error) {
	address, err := url.Parse(config.URL)
	if err == nil && (address.Host == "" || address.Scheme != "http" && address.Scheme != "https") {
		err = errURL
	}
	if err != nil {
		return nil, fmt.Errorf("reading the address of Prometheus: %w", err)
	}
	return newClient(address, &secureTransport{next: transport(config.TLS), token: config.Token}), nil
}

// client uses GET, which proxies and API servers allow more often than POST.
type client struct {
	endpoint *url.URL
	http     *http.Client
}

func newClient(address *url.URL, transport *secureTransport) *client {
	return &client{address.JoinPath("api/v1/query"), &http.Client{Transport: transport}}
}

func (c *client) Query(ctx context.Context, expression string, at time.Time) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(expression, at), nil)
	if err != nil {
		return Answer{}, fmt.Errorf("making a query: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, classify(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := readAnswer(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %s for a success", ErrNotPrometheus, sanitize(response.Status))
	}
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil: // the read error of a closed connection varies
		return Answer{}, ctx.Err()
	}
	return Answer{}, classify(err)
}

func (c *client) address(expression string, at time.Time) string {
	address := *c.endpoint
	values := address.Query()
	values.Set("query", expression)
	values.Set("time", strconv.FormatFloat(float64(at.UnixMilli())/1e3, 'f', -1, 64))
	address.RawQuery = values.Encode()
	return address.String()
}

// Querier returns the newest sample of each series that an expression selects. A call
// returns once its context ends. See NewClient.
type Querier interface {
	Query(ctx context.Context, expression string, at time.Time) (Answer, error)
}

// Answer is the result of a query.
type Answer struct {
	Samples  []Sample
	Warnings []string
}

// Sample is one series' newest value.
type Sample struct {
	Labels Labeled
	Value  float64
	Time   time.Time
}

// Labeled returns a label's value, empty if there is none. The metric's name is __name__.
type Labeled interface {
	Get(name string) string
}
