package limits

import (
	"context"
	"net/http"
	"sync"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/problem"
)

// Streams bounds the number of open streams.
type Streams struct {
	total, perUser int

	mu    sync.Mutex
	open  int
	users map[string]int // open streams by name
}

// NewStreams allows total streams, and perUser of each user.
func NewStreams(total, perUser int) *Streams {
	return &Streams{total: total, perUser: perUser, users: map[string]int{}}
}

// Enter turns the user's request into a stream: it releases the request's slots and occupies
// a stream until leave is called.
func (s *Streams) Enter(ctx context.Context, user auth.User) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := user.Name()
	if s.open >= s.total || s.users[name] >= s.perUser {
		p := problem.New(http.StatusTooManyRequests, "too many streams are open")
		p.RetryAfter = 5
		return nil, p
	}
	s.open++
	s.users[name]++
	if release, ok := ctx.Value(releaseKey{}).(func()); ok {
		release()
	}
	return func() { s.leave(name) }, nil
}

func (s *Streams) leave(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.users[name]--; s.users[name] == 0 {
		delete(s.users, name)
	}
}

// Open returns the number of open streams.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}
