package fetchers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// The errors of a query. Every one that a Querier of this package returns is one of them,
// or the context's.
var (
	// ErrUnreachable says that no answer came: no route, no such host, a refused or
	// broken connection, a certificate that is not trusted.
	ErrUnreachable = errors.New("unreachable")
	// ErrUnauthorized says that whoever answered wants other credentials.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrTooLarge says that the answer was cut at MaxAnswer.
	ErrTooLarge = errors.New("answer too large")
	// ErrRedirected says that the answer pointed elsewhere. Credentials do not go there.
	ErrRedirected = errors.New("redirected")
	// ErrNotPrometheus says that the answer is not one of Prometheus's API.
	ErrNotPrometheus = errors.New("not an answer of Prometheus")
	// ErrRefused says that Prometheus understood and would not or could not answer.
	ErrRefused = errors.New("query refused")
)

// named makes sure that err is one of ours, and fit to be shown.
func classify(err error) error {
	var transport *url.Error
	sent := errors.As(err, &transport)
	if sent {
		err = transport.Err // without the address, which holds the query
	}
	for _, ours := range []error{ErrUnreachable, ErrUnauthorized, ErrTooLarge, ErrRedirected, ErrNotPrometheus, ErrRefused, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if sent {
		return fmt.Errorf("%w: %s", ErrUnreachable, sanitize(err.Error()))
	}
	return fmt.Errorf("%w: %s", ErrNotPrometheus, sanitize(err.Error()))
}

// maxText bounds what a stranger's text takes of a message or a label, in bytes.
const maxText = 253

// sanitize is text on one line, without control characters, at most maxText bytes.
func sanitize(text string) string {
	cut := len(text) > maxText
	if cut {
		text = text[:maxText]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if cut {
		text += " ..."
	}
	return text
}
