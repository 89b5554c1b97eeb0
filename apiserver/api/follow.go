package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// following is what a stream is made of.
type following struct {
	contentType string        // of events there are beats, of text there are none
	frames      <-chan []byte // closed when there are no more
	end         func() error  // why there are none, if it is a fault; nil: it never is
	// may is asked now and then: an error says that the person may no longer.
	may func(ctx context.Context) error
}

// follow answers with frames as they come, until there are no more, the reader is gone or
// too slow, the person is believed no longer or may no longer, or the server stops. Its
// error is for who has been answered nothing yet. Whoever makes frames ends with r's context.
func (a *API) follow(w http.ResponseWriter, r *http.Request, user *kube.UserClient, f following) error {
	leave, err := a.streams.Enter(r.Context(), user.User())
	if err != nil {
		return err
	}
	defer leave()
	recordOf(r.Context()).stream = true
	opened, err := stream.Open(w, f.contentType, a.options.Limits.Streams.Write)
	if opened == nil {
		return err
	}
	if err == nil {
		err = a.pump(r, user, opened, f)
	}
	if why := (*problem.Error)(nil); errors.As(err, &why) {
		if f.contentType != stream.ContentType {
			panic(http.ErrAbortHandler) // or the reader takes the text for whole
		}
		_ = opened.Send(endOf(why)) // the reader may be gone
	}
	return nil
}

// pump returns nil when there is no more, and why it had to stop before otherwise.
func (a *API) pump(r *http.Request, user *kube.UserClient, opened *stream.Stream, f following) error {
	limits := a.options.Limits.Streams
	beat, review := time.NewTicker(limits.Beat), time.NewTicker(limits.Review)
	defer beat.Stop()
	defer review.Stop()
	for {
		var err error
		select {
		case frame, more := <-f.frames:
			if !more && f.end != nil {
				return f.end()
			}
			if !more {
				return nil
			}
			err = opened.Send(frame)
		case <-beat.C:
			if f.contentType == stream.ContentType {
				err = opened.Heartbeat()
			}
		case <-review.C:
			err = a.still(r, user, f)
		case <-a.ending:
			return problem.New(http.StatusServiceUnavailable, "the server stops: come back")
		case <-r.Context().Done():
			return r.Context().Err()
		}
		if err != nil {
			return err
		}
	}
}

// still is an error if the person would not be let in today. While Kubernetes is away, and
// until the server itself is let in again, what they may stays as it was: an API server
// that has just started refuses everybody.
func (a *API) still(r *http.Request, user *kube.UserClient, f following) error {
	ctx, cancel := context.WithTimeout(r.Context(), a.options.Limits.Time)
	defer cancel()
	var invalid *auth.InvalidError
	person, err := a.options.Authenticator.Authenticate(r.WithContext(ctx))
	switch {
	case errors.As(err, &invalid), errors.Is(err, auth.ErrNoCredentials):
		return problem.New(http.StatusUnauthorized, "the credentials hold no longer")
	case err == nil && person.Key() != user.User().Key():
		return problem.New(http.StatusUnauthorized, "the credentials are another person's now, or the groups have changed")
	}
	if !a.options.Live.UnreachableSince(live.NpuDeploys).IsZero() {
		return nil
	}
	if err := f.may(ctx); err != nil && !kube.Unreachable(err) {
		why, _ := problem.From(err)
		return why
	}
	return nil
}

// endOf is the last event of a stream that ends before its time: EventSource calls its own
// faults "error".
func endOf(why *problem.Error) []byte {
	data, err := json.Marshal(why)
	if err != nil {
		data = nil // a problem is made of words and numbers
	}
	return stream.Event{Name: "end", Data: data}.Frame()
}
