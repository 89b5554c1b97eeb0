package limits

import (
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"

	"github.com/dudaji/nufi/apiserver/auth"
)

// maxUsers bounds the cached accounts. An evicted user starts with a full budget.
const maxUsers = 10000

// Budget bounds the requests of each user.
type Budget struct {
	PerSecond float64 // requests, on average
	Burst     int     // requests at once
	InFlight  int     // concurrent requests
}

// PerUser enforces the budget. It runs inside auth.Middleware.
func PerUser(budget Budget, clock func() time.Time) func(http.Handler) http.Handler {
	accounts := &accounts{budget: budget, cache: lru.New(maxUsers)}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, ok := auth.UserFrom(r.Context())
			if !ok {
				next.ServeHTTP(w, r) // a public route
				return
			}
			account := accounts.of(user.Name())
			if wait := account.take(clock()); wait > 0 {
				tooMany(w, r, "too many requests in a short time", int(math.Ceil(wait.Seconds())))
				return
			}
			if account.inFlight.Add(1) > int64(budget.InFlight) {
				account.inFlight.Add(-1)
				tooMany(w, r, "too many concurrent requests", 1)
				return
			}
			r, release := withSlot(r, func() { account.inFlight.Add(-1) })
			defer release()
			next.ServeHTTP(w, r)
		})
	}
}

type account struct {
	limiter  *rate.Limiter
	inFlight atomic.Int64
}

// take spends one request, or returns how long the user must wait.
func (a *account) take(now time.Time) time.Duration {
	reservation := a.limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

type accounts struct {
	budget Budget
	mu     sync.Mutex
	cache  *lru.Cache
}

// of ignores tokens and groups: a user may have any number of tokens.
func (a *accounts) of(user string) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cached, ok := a.cache.Get(user); ok {
		return cached.(*account)
	}
	created := &account{limiter: rate.NewLimiter(rate.Limit(a.budget.PerSecond), a.budget.Burst)}
	a.cache.Add(user, created)
	return created
}
