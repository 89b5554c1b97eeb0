package controller

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
)

// The bounds of leader election: another replica may lead once a lease was not renewed for
// leaseDuration, and the leader gives up after renewDeadline.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
)

var errLeaseNotRenewed = errors.New("the leader lease was not renewed in time: another replica may lead")

// leaseGuard rejects writes while the lease is older than renewDeadline. A leader that was
// frozen (a paused virtual machine, a starved node) would otherwise continue a reconcile
// against its successor, until its own leader election notices. Each worker may still complete one
// request that it had sent: the successor corrects it as drift.
type leaseGuard struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	renewed time.Time
}

// wrap guards a transport. All transports of a process share the guard.
func (g *leaseGuard) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		isRead := request.Method == http.MethodGet || request.Method == http.MethodHead
		if isRead || request.URL.Query().Get("dryRun") == metav1.DryRunAll {
			return next.RoundTrip(request)
		}
		start := g.clock.Now()
		if isLease := strings.Contains(request.URL.Path, "/apis/coordination.k8s.io/"); !isLease {
			if g.isExpired(start) {
				return nil, errLeaseNotRenewed
			}
			return next.RoundTrip(request)
		}
		response, err := next.RoundTrip(request)
		if err == nil && response.StatusCode < http.StatusMultipleChoices {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.renewed = start
		}
		return response, err
	})
}

func (g *leaseGuard) isExpired(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	// The monotonic clock stops with the machine, and the other one may be set back.
	elapsed := max(now.Sub(g.renewed), now.Round(0).Sub(g.renewed.Round(0)))
	return elapsed >= renewDeadline
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
