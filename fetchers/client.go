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

// NewClient returns a client over HTTP that does not trust the server: responses are bounded
// in size, redirects are not followed, and only JSON is parsed.
func NewClient(config ClientConfig) (*Client, error) {
	address, err := url.Parse(config.URL)
	if err == nil && (address.Host == "" || address.Scheme != "http" && address.Scheme != "https") {
		err = errURL
	}
	if err != nil {
		return nil, fmt.Errorf("reading the address of Prometheus: %w", err)
	}
	return newClient(address, &secureTransport{next: transport(config.TLS), token: config.Token}), nil
}

// Client is a Querier over HTTP. It uses GET, which proxies and API servers allow more often than
// POST.
type Client struct {
	address *url.URL
	http    *http.Client
}

func newClient(address *url.URL, transport *secureTransport) *Client {
	transport.large = make(chan struct{}, 1)
	return &Client{address.JoinPath("api/v1"), &http.Client{Transport: transport}}
}

// Query returns the newest sample of each series.
func (c *Client) Query(ctx context.Context, expression string, at time.Time) (QueryResult, error) {
	var result QueryResult
	warnings, err := c.get(ctx, "query", url.Values{"query": {expression}, "time": {unixSeconds(at)}}, func(s *series) {
		if p, ok := s.newest(); ok {
			result.Samples = append(result.Samples, Sample{s.Metric, p.value, p.time})
		}
	})
	if err != nil {
		return QueryResult{}, err
	}
	result.Warnings = warnings
	return result, nil
}

// QueryRange returns the values of each series from start to end at each step. A step without a value
// has no point.
func (c *Client) QueryRange(ctx context.Context, expression string, start, end time.Time, step time.Duration) ([]Series, error) {
	values := url.Values{
		"query": {expression}, "start": {unixSeconds(start)}, "end": {unixSeconds(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}
	var result []Series
	_, err := c.get(ctx, "query_range", values, func(s *series) {
		points := make([]Point, len(s.Values))
		for i, p := range s.Values {
			points[i] = Point{p.time, p.value}
		}
		result = append(result, Series{s.Metric, points})
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// get calls add with each series of a response, and returns the warnings.
func (c *Client) get(ctx context.Context, path string, values url.Values, add func(*series)) ([]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.addressOf(path, values), nil)
	if err != nil {
		return nil, fmt.Errorf("making a query: %w", err)
	}
	warnings, err := c.do(request, add)
	switch {
	case err == nil:
		return warnings, nil
	case ctx.Err() != nil: // the read error of a closed connection varies
		return nil, context.Cause(ctx)
	}
	return nil, classify(err)
}

func (c *Client) do(request *http.Request, add func(*series)) ([]string, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := checkClock(response.Header.Get("Date")); err != nil {
		return nil, err
	}
	warnings, err := readResponse(response.Body, add)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %s for a success", ErrNotPrometheus, sanitize(response.Status))
	}
	return warnings, err
}

// maxSkew is how much the clocks may differ: a query at the time of this machine has no samples beyond.
const maxSkew = DefaultMaxAge

// checkClock compares the date of a response, if there is one, with this machine's clock.
func checkClock(date string) error {
	if theirs, err := http.ParseTime(date); err == nil {
		ahead := time.Until(theirs).Round(time.Second)
		switch {
		case ahead > maxSkew:
			return fmt.Errorf("%w: that of Prometheus is %s ahead", ErrClock, ahead)
		case ahead < -maxSkew:
			return fmt.Errorf("%w: that of Prometheus is %s behind", ErrClock, -ahead)
		}
	}
	return nil
}

// addressOf returns an address with the query of the configured one and the values.
func (c *Client) addressOf(path string, values url.Values) string {
	address := *c.address.JoinPath(path)
	query := address.Query()
	for name := range values {
		query.Set(name, values.Get(name))
	}
	address.RawQuery = query.Encode()
	return address.String()
}

func unixSeconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', -1, 64)
}

// Querier returns the newest sample of each series that an expression selects. A call
// returns once its context ends. See NewClient.
type Querier interface {
	Query(ctx context.Context, expression string, at time.Time) (QueryResult, error)
}

// QueryResult is the result of a query.
type QueryResult struct {
	Samples  []Sample
	Warnings []string
}

// Sample is one series' newest value.
type Sample struct {
	Labels Labeled
	Value  float64
	Time   time.Time
}

// Series is one series' values in the order of time.
type Series struct {
	Labels Labeled
	Points []Point
}

// Point is a value at a time.
type Point struct {
	Time  time.Time
	Value float64
}

// Labeled returns a label's value, empty if there is none. The metric's name is __name__.
type Labeled interface {
	Get(name string) string
}
