package limits

import (
	"context"
	"net/http"
	"sync"

	"github.com/dudaji/nufi/apiserver/problem"
)

// Slots bound the requests that are served at a time. Requests that write, by their method,
// use at most three quarters of them, so that reads are served when writes are not.
type Slots struct{ all, writes chan struct{} }

// NewSlots returns so many slots.
func NewSlots(n int) *Slots {
	return &Slots{all: make(chan struct{}, n), writes: make(chan struct{}, n-n/4)}
}

type slotKey struct{}

// Middleware rejects requests while no slot is free.
func (s *Slots) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slot := &slot{channels: []chan struct{}{s.all}}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions {
			slot.channels = append(slot.channels, s.writes)
		}
		if !slot.acquire() {
			tooMany(w, r, "the server is busy", 1)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), slotKey{}, slot))
		r, leave := withSlot(r, slot.release)
		defer leave()
		next.ServeHTTP(w, r)
	})
}

// WithoutSlot calls f while the request with ctx has no slot, as long as the client takes to
// send a body. It returns false if no slot is free afterwards.
func WithoutSlot(ctx context.Context, f func()) bool {
	slot, ok := ctx.Value(slotKey{}).(*slot)
	if !ok {
		f()
		return true
	}
	slot.release()
	f()
	return slot.acquire()
}

// slot is the slot of one request, in each of the channels.
type slot struct {
	channels []chan struct{}
	mu       sync.Mutex
	held     int // the first channels
}

func (s *slot) acquire() bool {
	s.mu.Lock()
	for ; s.held < len(s.channels); s.held++ {
		select {
		case s.channels[s.held] <- struct{}{}:
		default:
			s.mu.Unlock()
			s.release()
			return false
		}
	}
	s.mu.Unlock()
	return true
}

func (s *slot) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; s.held > 0; s.held-- {
		<-s.channels[s.held-1]
	}
}

// InFlight rejects requests while limit others are being served.
func InFlight(limit int) func(http.Handler) http.Handler {
	slots := make(chan struct{}, limit)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case slots <- struct{}{}:
				r, release := withSlot(r, func() { <-slots })
				defer release()
				next.ServeHTTP(w, r)
			default:
				tooMany(w, r, "the server is busy", 1)
			}
		})
	}
}

// tooMany responds with 429 and Retry-After.
func tooMany(w http.ResponseWriter, r *http.Request, detail string, seconds int) {
	p := problem.New(http.StatusTooManyRequests, detail)
	p.RetryAfter = seconds
	problem.Write(w, r, p)
}

// releaseKey is the context key of the function that releases all slots of a request.
type releaseKey struct{}

// withSlot adds a slot to those that the request holds. Release is called once.
func withSlot(r *http.Request, release func()) (*http.Request, func()) {
	others, _ := r.Context().Value(releaseKey{}).(func())
	own := sync.OnceFunc(release)
	all := func() {
		own()
		if others != nil {
			others()
		}
	}
	return r.WithContext(context.WithValue(r.Context(), releaseKey{}, all)), own
}
