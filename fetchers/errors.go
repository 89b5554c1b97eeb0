package fetchers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/dudaji/nufi/internal/message"
)

// The errors of a query. A Querier of this package returns one of them, or the context's error.
var (
	// ErrUnreachable: no response, because of the network, DNS, the connection or an untrusted
	// certificate.
	ErrUnreachable = errors.New("unreachable")
	// ErrUnauthorized: the credentials were rejected.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrTooLarge: the response exceeds MaxResponse.
	ErrTooLarge = errors.New("response too large")
	// ErrRedirected: the response is a redirect, which is not followed with credentials.
	ErrRedirected = errors.New("redirected")
	// ErrNotPrometheus: the response is not one of Prometheus's API.
	ErrNotPrometheus = errors.New("not a response of Prometheus")
	// ErrRejected: Prometheus rejected or failed the query.
	ErrRejected = errors.New("query rejected")
	// ErrClock: the clocks of Prometheus and of this machine differ by more than maxSkew.
	ErrClock = errors.New("clocks differ")
)

// timeoutError reports that there was no response in time. It is a context.DeadlineExceeded.
type timeoutError time.Duration

func (e timeoutError) Error() string { return "no response within " + time.Duration(e).String() }

func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// classify returns err as one of the errors above, with a printable message.
func classify(err error) error {
	transport, sent := errors.AsType[*url.Error](err)
	if sent {
		err = transport.Err // without the address, which holds the query
	}
	for _, ours := range []error{ErrUnreachable, ErrUnauthorized, ErrTooLarge, ErrRedirected, ErrNotPrometheus, ErrRejected, ErrClock, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if sent {
		return fmt.Errorf("%w: %s", ErrUnreachable, sanitize(err.Error()))
	}
	return fmt.Errorf("%w: %s", ErrNotPrometheus, sanitize(err.Error()))
}

// maxText bounds foreign text in messages and labels, in bytes.
const maxText = 253

// sanitize returns foreign text as one line of at most maxText bytes.
func sanitize(text string) string { return message.Line(text, maxText) }

// Describe returns why a query failed, without the address of Prometheus, which is not for users.
func Describe(err error) string {
	if errors.Is(err, ErrClock) {
		return "Prometheus has another time"
	}
	for _, reason := range []error{ErrUnreachable, ErrUnauthorized, ErrTooLarge, ErrRedirected, ErrNotPrometheus, ErrRejected} {
		if errors.Is(err, reason) {
			return "Prometheus does not respond: " + reason.Error()
		}
	}
	return "Prometheus does not respond in time"
}
