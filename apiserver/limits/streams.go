package limits

import (
	"context"
	"net/http"
	"sync"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/problem"
)

// leaveKey is the context's key of the places that a request takes among those being
// served.
type leaveKey struct{}

// taking has the request hold a place besides those that it holds already. Release is
// called once.
func taking(r *http.Request, release func()) (*http.Request, func()) {
	others, _ := r.Context().Value(leaveKey{}).(func())
	own := sync.OnceFunc(release)
	all := func() {
		own()
		if others != nil {
			others()
		}
	}
	return r.WithContext(context.WithValue(r.Context(), leaveKey{}, all)), own
}

// Streams bounds answers that go on and on, which would leave no place for requests.
type Streams struct {
	all, each int
	mu        sync.Mutex
	open      int
	persons   map[string]int // by name
}

// NewStreams allows so many streams in all, and so many of each person.
func NewStreams(all, each int) *Streams {
	return &Streams{all: all, each: each, persons: map[string]int{}}
}

// Enter makes a stream of the person's request: it gives its place among the requests
// back, and takes one here until leave is called.
func (s *Streams) Enter(ctx context.Context, person auth.User) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := person.Name()
	if s.open >= s.all || s.persons[name] >= s.each {
		p := problem.New(http.StatusTooManyRequests, "too many streams are open")
		p.RetryAfter = 5
		return nil, p
	}
	s.open++
	s.persons[name]++
	if release, ok := ctx.Value(leaveKey{}).(func()); ok {
		release()
	}
	return func() { s.leave(name) }, nil
}

func (s *Streams) leave(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.persons[name]--; s.persons[name] == 0 {
		delete(s.persons, name)
	}
}

// Open says how many streams there are.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}
