package fetchers

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// maxBackoff is the longest pause, in intervals, while every vendor fails.
const maxBackoff = 8

// Poller refreshes a Snapshot in the background.
type Poller struct {
	collector *Collector
	interval  time.Duration
	clock     clock.Clock
	random    func() float64 // 0 to 1

	current atomic.Pointer[Snapshot]

	mu          sync.Mutex
	subscribers map[chan *Snapshot]bool
}

// NewPoller returns a poller. Random adds jitter to the interval.
func NewPoller(collector *Collector, interval time.Duration, clock clock.Clock, random func() float64) *Poller {
	p := &Poller{collector: collector, interval: interval, clock: clock, random: random, subscribers: map[chan *Snapshot]bool{}}
	p.current.Store(&Snapshot{})
	return p
}

// Snapshot returns the last snapshot, which is empty before the first refresh. It never blocks.
func (p *Poller) Snapshot() *Snapshot { return p.current.Load() }

// Subscribe sends the current snapshot, if any, and then each that differs from the previous
// one in more than its time, until the context ends. A slow receiver gets only the newest.
func (p *Poller) Subscribe(ctx context.Context) <-chan *Snapshot {
	changes := make(chan *Snapshot, 1)
	p.mu.Lock()
	p.subscribers[changes] = true
	if current := p.current.Load(); !current.time.IsZero() {
		changes <- current
	}
	p.mu.Unlock()
	context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.subscribers, changes)
		close(changes)
	})
	return changes
}

// Run refreshes until the context ends.
func (p *Poller) Run(ctx context.Context) {
	for failures := 0; ; {
		next := p.collector.Collect(ctx, p.current.Load())
		if ctx.Err() != nil {
			return
		}
		p.publish(next)
		if failures++; next.responded() {
			failures = 0
		}
		timer := p.clock.NewTimer(p.pause(failures))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

func (s *Snapshot) responded() bool {
	for _, v := range s.vendors {
		if v.state.Err == nil {
			return true
		}
	}
	return false
}

// pause doubles with each failure, and varies by a tenth.
func (p *Poller) pause(failures int) time.Duration {
	pause := p.interval
	for range failures {
		pause = min(2*pause, maxBackoff*p.interval)
	}
	return time.Duration(float64(pause) * (0.9 + 0.2*p.random()))
}

func (p *Poller) publish(next *Snapshot) {
	changed := !next.same(p.current.Load())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current.Store(next)
	if !changed {
		return
	}
	for subscriber := range p.subscribers {
		select {
		case <-subscriber: // replace the unread one
		default:
		}
		subscriber <- next
	}
}
