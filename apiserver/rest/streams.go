package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// StreamLimits bound responses without an end.
type StreamLimits struct {
	Total, PerUser int           // streams at a time
	Heartbeat      time.Duration // between two heartbeats
	Revalidate     time.Duration // between two checks of the user's credentials and access
	Write          time.Duration // until a client that does not read is disconnected
}

// StreamOptions are the dependencies of Streams.
type StreamOptions struct {
	Limits        StreamLimits
	Timeout       time.Duration // of one check of credentials and access
	Authenticator auth.Authenticator
	Connected     func() bool // whether the server itself has a connection to Kubernetes
	Clock         func() time.Time
}

// Streams serves responses without an end.
type Streams struct {
	options StreamOptions
	open    *limits.Streams
	ends    *prometheus.CounterVec
	ending  chan struct{}
	end     func()
}

// NewStreams returns Streams, none of which is open.
func NewStreams(options StreamOptions) *Streams {
	ending := make(chan struct{})
	return &Streams{
		options: options, ending: ending, end: sync.OnceFunc(func() { close(ending) }),
		open: limits.NewStreams(options.Limits.Total, options.Limits.PerUser),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_apiserver_stream_ends_total",
			Help: "Streams that have ended, by reason: completed, disconnected, timeout, stopping, revoked or error.",
		}, []string{"reason"}),
	}
}

// End ends all streams, those to come at once.
func (s *Streams) End() { s.end() }

// Open returns how many streams are open.
func (s *Streams) Open() int { return s.open.Open() }

// Stream is one response without an end. Its sender must stop when the request's context ends.
type Stream struct {
	ContentType string        // event streams have heartbeats, text has none
	Frames      <-chan []byte // closed by the sender when it stops
	Err         func() error  // why Frames was closed, nil at a regular end; a nil Err is always regular
	// Authorize returns an error once the user may not read the stream any longer.
	Authorize func(ctx context.Context) error
	// StaleSince and Incomplete describe the initial events: see SetStale and SetIncomplete.
	StaleSince time.Time
	Incomplete bool
}

// Serve responds with frames until there are no more, the client disconnects or does not
// read, the user's credentials or access are revoked, or the server stops. It returns an
// error only before it has written anything.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request, user *kube.UserClient, source Stream) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", source.ContentType)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	leave, err := s.open.Enter(r.Context(), user.User())
	if err != nil {
		return err
	}
	defer leave()
	recordFrom(r.Context()).stream = true
	opened, err := stream.Open(w, source.ContentType, s.options.Limits.Write)
	if opened == nil {
		return err
	}
	if err == nil {
		err = s.pump(r, user, opened, source)
	}
	s.ends.WithLabelValues(endReason(err)).Inc()
	if reason, ok := errors.AsType[*problem.Error](err); ok {
		if source.ContentType != stream.ContentType {
			panic(http.ErrAbortHandler) // otherwise the client takes the text for complete
		}
		_ = opened.Send(endFrame(endName, reason)) // fails only if the client has gone
	}
	return nil
}

// pump returns nil at the end of the frames, or the error that stopped it.
func (s *Streams) pump(r *http.Request, user *kube.UserClient, opened *stream.Stream, source Stream) error {
	heartbeat, revalidate := time.NewTicker(s.options.Limits.Heartbeat), time.NewTicker(s.options.Limits.Revalidate)
	defer heartbeat.Stop()
	defer revalidate.Stop()
	for {
		var err error
		select {
		case frame, more := <-source.Frames:
			if !more {
				return source.end()
			}
			err = opened.Send(frame)
		case <-heartbeat.C:
			if source.ContentType == stream.ContentType {
				err = opened.Heartbeat()
			}
		case <-revalidate.C:
			err = s.revalidate(r, user, source)
		case <-s.ending:
			return problem.New(http.StatusServiceUnavailable, "the server is stopping: connect again")
		case <-r.Context().Done():
			return r.Context().Err()
		}
		if err != nil {
			return err
		}
	}
}

// end returns the problem with which a stream ended, or nil at a regular end.
func (s Stream) end() error {
	if s.Err == nil {
		return nil
	}
	err := s.Err()
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	reason, _ := problem.From(err)
	return reason
}

// revalidate returns an error if the user would not be admitted now. Access is not reviewed
// while Kubernetes is unreachable, nor before the server itself is connected again: an API
// server that has just started rejects everyone.
func (s *Streams) revalidate(r *http.Request, user *kube.UserClient, source Stream) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.options.Timeout)
	defer cancel()
	caller, err := s.options.Authenticator.Authenticate(r.WithContext(ctx))
	_, isInvalid := errors.AsType[*auth.InvalidError](err)
	switch {
	case isInvalid, errors.Is(err, auth.ErrNoCredentials):
		return problem.New(http.StatusUnauthorized, "the credentials are no longer valid")
	case err == nil && caller.Key() != user.User().Key():
		return problem.New(http.StatusUnauthorized, "the credentials belong to another user now, or the groups have changed")
	}
	if !s.options.Connected() {
		return nil
	}
	if err := source.Authorize(ctx); err != nil && !kube.Unreachable(err) {
		reason, _ := problem.From(err)
		return reason
	}
	return nil
}

// endReason returns the label of a stream's end.
func endReason(err error) string {
	reason, isProblem := errors.AsType[*problem.Error](err)
	switch {
	case err == nil:
		return "completed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case !isProblem:
		return "disconnected"
	case reason.Status == http.StatusServiceUnavailable:
		return "stopping"
	case reason.Status == http.StatusUnauthorized, reason.Status == http.StatusForbidden:
		return "revoked"
	}
	return "error"
}

// endName is the name of the last event of a stream that ends early. It is not "error", which is
// EventSource's own.
const endName = "end"

// endFrame returns the last event of a stream or a topic, with the reason.
func endFrame(name string, reason *problem.Error) []byte {
	data, err := json.Marshal(reason)
	if err != nil {
		data = nil // never: a problem is strings and numbers
	}
	return stream.Event{Name: name, Data: data}.Frame()
}
