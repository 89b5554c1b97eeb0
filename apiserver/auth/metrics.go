package auth

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts authentications and fetches of the provider's keys.
type Metrics struct {
	authentications *prometheus.CounterVec
	keyFetches      *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		authentications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_apiserver_authentications_total",
			Help: "Credentials by method (oidc, token, session, dev) and result (accepted, rejected, unavailable).",
		}, []string{"method", "result"}),
		keyFetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_apiserver_key_fetches_total",
			Help: "Fetches of the OIDC provider's keys by result (fetched, failed, limited).",
		}, []string{"result"}),
	}
	for _, collector := range []prometheus.Collector{m.authentications, m.keyFetches} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

// Count returns the authenticator with its results counted under the method. Requests without
// its kind of credentials are not counted.
func (m *Metrics) Count(method string, authenticator Authenticator) Authenticator {
	return counted{authenticator, m.authentications.MustCurryWith(prometheus.Labels{"method": method})}
}

type counted struct {
	Authenticator

	results *prometheus.CounterVec
}

func (c counted) Authenticate(r *http.Request) (User, error) {
	user, err := c.Authenticator.Authenticate(r)
	invalid, isInvalid := errors.AsType[*InvalidError](err)
	switch {
	case err == nil:
		c.results.WithLabelValues("accepted").Inc()
	case errors.Is(err, ErrNoCredentials), isInvalid && invalid.Foreign:
	case isInvalid:
		c.results.WithLabelValues("rejected").Inc()
	default:
		c.results.WithLabelValues("unavailable").Inc()
	}
	return user, err
}

// countKeyFetch accepts a nil Metrics.
func (m *Metrics) countKeyFetch(result string) {
	if m != nil {
		m.keyFetches.WithLabelValues(result).Inc()
	}
}
