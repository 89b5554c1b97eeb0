package limits

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Log bounds the lines that unauthenticated clients can cause. It is safe for concurrent use.
type Log struct {
	clock   func() time.Time
	limiter *rate.Limiter

	mu      sync.Mutex
	dropped int
}

// NewLog allows perSecond lines on average and burst lines at once.
func NewLog(perSecond float64, burst int, clock func() time.Time) *Log {
	return &Log{clock: clock, limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// Allow reports whether a line may be written, and how many were dropped before it.
func (l *Log) Allow() (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.limiter.AllowN(l.clock(), 1) {
		l.dropped++
		return 0, false
	}
	dropped, l.dropped = l.dropped, 0
	return dropped, true
}
