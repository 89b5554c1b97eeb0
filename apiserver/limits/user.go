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

// maxPersons bounds how many persons' budgets are remembered. Who is forgotten begins anew.
const maxPersons = 10000

// Budget is what each person may take.
type Budget struct {
	PerSecond float64 // requests, on average
	Burst     int     // requests at once
	InFlight  int     // requests being served at a time
}

// PerUser holds each person to the budget. It goes inside auth.Middleware.
func PerUser(budget Budget, clock func() time.Time) func(http.Handler) http.Handler {
	accounts := &accounts{budget: budget, known: lru.New(maxPersons)}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			person, ok := auth.UserFrom(r.Context())
			if !ok {
				next.ServeHTTP(w, r) // nobody: who guards the route has refused, or will
				return
			}
			account := accounts.of(person.Name())
			if wait := account.take(clock()); wait > 0 {
				tooMany(w, r, "too many requests in a short time", int(math.Ceil(wait.Seconds())))
				return
			}
			if account.inFlight.Add(1) > int64(budget.InFlight) {
				account.inFlight.Add(-1)
				tooMany(w, r, "too many requests at a time", 1)
				return
			}
			r, leave := taking(r, func() { account.inFlight.Add(-1) })
			defer leave()
			next.ServeHTTP(w, r)
		})
	}
}

type account struct {
	pace     *rate.Limiter
	inFlight atomic.Int64
}

// take spends one request, or says how long there is none to spend.
func (a *account) take(now time.Time) time.Duration {
	reservation := a.pace.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

type accounts struct {
	budget Budget
	mu     sync.Mutex
	known  *lru.Cache
}

// of goes by the name alone: whoever can have one token can have a thousand.
func (a *accounts) of(person string) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.known.Get(person); ok {
		return found.(*account) // only this function adds
	}
	made := &account{pace: rate.NewLimiter(rate.Limit(a.budget.PerSecond), a.budget.Burst)}
	a.known.Add(person, made)
	return made
}
