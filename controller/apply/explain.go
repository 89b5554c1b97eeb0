package apply

import (
	"errors"
	"slices"
	"strings"
	"time"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// fault is any error of this package.
type fault interface {
	error
	Reason() string
}

// Explain returns the reason and the message for the condition Applied. Of several
// faults, the reason is that which a user can act on first.
func Explain(err error) (reason, message string) {
	if err == nil {
		return v1.ReasonApplied, ""
	}
	faults := faultsOf(err)
	if len(faults) == 0 {
		return v1.ReasonApplyFailed, oneLine(err.Error())
	}
	order := []string{
		v1.ReasonKindNotAllowed, v1.ReasonImmutable, v1.ReasonRejected, v1.ReasonConflict,
		v1.ReasonKindNotInstalled, v1.ReasonContested, v1.ReasonApplyFailed,
	}
	slices.SortStableFunc(faults, func(a, b fault) int {
		return slices.Index(order, a.Reason()) - slices.Index(order, b.Reason())
	})
	var messages []string
	for _, f := range faults {
		messages = append(messages, f.Error())
	}
	return faults[0].Reason(), strings.Join(messages, "; ")
}

// faultsOf takes apart what Apply joined.
func faultsOf(err error) []fault {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	faults := make([]fault, 0, len(all))
	for _, one := range all {
		if known := fault(nil); errors.As(one, &known) {
			faults = append(faults, known)
		}
	}
	return faults
}

// Retry says what another attempt is good for. Terminal means nothing: only another
// spec, other templates or a new kind help, and each of them is an event. Otherwise
// after is when to try; 0 leaves that to the caller's back-off, if only one fault asks
// for that.
func Retry(err error) (after time.Duration, terminal bool) {
	faults := faultsOf(err)
	terminal = len(faults) > 0
	for _, f := range faults {
		contested := (*ContestedError)(nil)
		switch isContested := errors.As(f, &contested); {
		case isContested && (after == 0 || contested.RetryAfter < after):
			after = contested.RetryAfter
		case !isContested && !isTerminal(f):
			return 0, false
		}
		terminal = terminal && isTerminal(f)
	}
	return after, terminal
}

func isTerminal(f fault) bool {
	switch f.Reason() {
	case v1.ReasonKindNotAllowed, v1.ReasonImmutable, v1.ReasonKindNotInstalled:
		return true
	}
	return false
}
