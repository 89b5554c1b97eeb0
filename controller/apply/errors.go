package apply

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dudaji/nufi/internal/message"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Each error type, and manifests.NotAllowedError, has one reason of condition Applied. No other errors
// are returned: any other response of the API server is a RejectedError, and no response an
// UnavailableError.

// ErrNotInstalled is a kind that is not installed. See Options.
var ErrNotInstalled = errors.New("the kind is not installed")

// UnlistedError is a kind whose objects the controller cannot list, because it lacks the permission or a
// conversion webhook does not respond.
type UnlistedError struct {
	Ref Ref
	Err error
}

func (e *UnlistedError) Error() string {
	return e.Ref.String() + ": the controller cannot use it: " + message.Line(e.Err.Error(), maxMessage)
}

func (e *UnlistedError) Unwrap() error { return e.Err }

// Reason is the condition's reason.
func (e *UnlistedError) Reason() string { return v1.ReasonApplyFailed }

// NotInstalledError is a kind that the API server does not serve.
type NotInstalledError struct{ Ref Ref }

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("%s: the API server does not serve kind %s of %s: install it, or use another kind in the spec or "+
		"the policy", e.Ref, e.Ref.Kind, e.Ref.GroupVersion())
}

// Reason is the condition's reason.
func (e *NotInstalledError) Reason() string { return v1.ReasonKindNotInstalled }

// ConflictError is an existing object, or a field of it, that is not ours.
type ConflictError struct {
	Ref Ref
	// Owner is the NpuDeploy that may adopt the object; empty if it cannot be adopted.
	Owner string
	// ControlledBy is the kind and name of its controller, if it has one.
	ControlledBy string
	// Manager manages Field. Both are empty if they are unknown.
	Manager, Field string
	// UsedBy is the object that would use this one as its own, and is empty otherwise.
	UsedBy string
}

func (e *ConflictError) Error() string {
	if e.UsedBy != "" {
		return fmt.Sprintf("%s: exists, and %s would use it for the names of its pods: delete it, or rename the NpuDeploy", e.Ref, e.UsedBy)
	}
	text := e.Ref.String() + ": exists and is not owned"
	if e.ControlledBy != "" {
		return text + ": it is controlled by " + e.ControlledBy
	}
	if e.Manager != "" {
		text += fmt.Sprintf(": %q manages ", e.Manager)
		if e.Field == "" {
			text += "it"
		}
		text += e.Field
	}
	if e.Owner != "" {
		text += fmt.Sprintf("; annotate it with %s=%s to let it be adopted", v1.AnnotationAdopt, e.Owner)
	}
	return text
}

// Reason is the condition's reason.
func (e *ConflictError) Reason() string { return v1.ReasonConflict }

// ContestedError is an object that another client overwrites repeatedly.
type ContestedError struct {
	Kind, Name string
	// Manager overwrites Field. Both are empty if they are unknown.
	Manager, Field string
	// RetryAfter is the delay before the next correction.
	RetryAfter time.Duration
}

func newContested(id objectID, other otherManager, wait time.Duration) *ContestedError {
	return &ContestedError{
		Kind: id.key.kind, Name: id.key.name, Manager: other.name, Field: other.field, RetryAfter: wait,
	}
}

func (e *ContestedError) Error() string {
	manager, field := "another client", "it"
	if e.Manager != "" {
		manager = fmt.Sprintf("%q", e.Manager)
	}
	if e.Field != "" {
		field = e.Field
	}
	return fmt.Sprintf("%s %s: %s keeps overwriting %s", e.Kind, e.Name, manager, field)
}

// Reason is the condition's reason.
func (e *ContestedError) Reason() string { return v1.ReasonContested }

// ImmutableError is a field that cannot change once set. Revert the change of the spec, or delete
// the object.
type ImmutableError struct {
	Ref   Ref
	Field string
}

func (e *ImmutableError) Error() string {
	return fmt.Sprintf("%s: %s cannot change once set: undo the change, or delete the object yourself", e.Ref, e.Field)
}

// Reason is the condition's reason.
func (e *ImmutableError) Reason() string { return v1.ReasonImmutable }

// RejectedError is a manifest that the API server or its admission rejected.
type RejectedError struct {
	Ref Ref
	// Field is the first field that the response reports, if any.
	Field   string
	Message string
	Err     error
}

func (e *RejectedError) Error() string { return e.Ref.String() + ": " + e.Message }

func (e *RejectedError) Unwrap() error { return e.Err }

// Reason is the condition's reason.
func (e *RejectedError) Reason() string { return v1.ReasonRejected }

// DeletingError is an object that is being deleted, or whose controller was. It is created again afterwards.
type DeletingError struct{ Ref Ref }

func (e *DeletingError) Error() string { return e.Ref.String() + ": waiting for its deletion to end" }

// Reason is the condition's reason.
func (e *DeletingError) Reason() string { return v1.ReasonApplyFailed }

// TerminatingError is an object that cannot be created because its namespace is being deleted, and the owner with it.
type TerminatingError struct{ Ref Ref }

func (e *TerminatingError) Error() string { return e.Ref.String() + ": its namespace is being deleted" }

// Reason is the condition's reason.
func (e *TerminatingError) Reason() string { return v1.ReasonTerminating }

// UnavailableError is an API server that did not respond or requested a retry, or a webhook that did
// not respond.
type UnavailableError struct {
	Ref Ref
	Err error
}

func (e *UnavailableError) Error() string {
	return e.Ref.String() + ": " + message.Line(e.Err.Error(), maxMessage)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// Reason is the condition's reason.
func (e *UnavailableError) Reason() string { return v1.ReasonApplyFailed }

// isServerUnavailable reports whether the other objects of a set would fail for the same reason.
func isServerUnavailable(err error) bool {
	unavailable, ok := errors.AsType[*UnavailableError](err)
	if !ok {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(unavailable.Err, &status) {
		return true
	}
	switch status.Status().Code {
	case http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusServiceUnavailable:
		return true
	}
	return false
}

// reasoned is any error with a reason of condition Applied.
type reasoned interface {
	error
	Reason() string
}

// Explain returns the reason and the message of condition Applied. The reason is that of the error that
// a user can act on first.
func Explain(err error) (reason, text string) {
	if err == nil {
		return v1.ReasonApplied, ""
	}
	errs := split(err)
	if len(errs) == 0 {
		return v1.ReasonApplyFailed, message.Line(err.Error(), maxMessage)
	}
	order := []string{
		v1.ReasonTerminating, v1.ReasonKindNotAllowed, v1.ReasonImmutable, v1.ReasonRejected, v1.ReasonConflict,
		v1.ReasonKindNotInstalled, v1.ReasonContested, v1.ReasonApplyFailed,
	}
	slices.SortStableFunc(errs, func(a, b reasoned) int {
		return slices.Index(order, a.Reason()) - slices.Index(order, b.Reason())
	})
	var messages []string
	for _, e := range errs {
		messages = append(messages, e.Error())
	}
	return errs[0].Reason(), strings.Join(messages, "; ")
}

// split returns the errors that Apply joined.
func split(err error) []reasoned {
	joined := []error{err}
	if multi, ok := err.(interface{ Unwrap() []error }); ok {
		joined = multi.Unwrap()
	}
	errs := make([]reasoned, 0, len(joined))
	for _, single := range joined {
		if e, ok := errors.AsType[reasoned](single); ok {
			errs = append(errs, e)
		}
	}
	return errs
}

// Retry returns when to apply again. Terminal means that no retry is required: another spec, other
// templates or a new kind cause an event. Otherwise after is the delay, or 0 to use the caller's
// back-off.
func Retry(err error) (after time.Duration, terminal bool) {
	errs := split(err)
	terminal = len(errs) > 0
	for _, e := range errs {
		switch contested, isContested := errors.AsType[*ContestedError](e); {
		case isContested && (after == 0 || contested.RetryAfter < after):
			after = contested.RetryAfter
		case !isContested && !isTerminal(e):
			return 0, false
		}
		terminal = terminal && isTerminal(e)
	}
	return after, terminal
}

func isTerminal(e reasoned) bool {
	if _, isUnlisted := errors.AsType[*UnlistedError](e); isUnlisted {
		return true
	}
	switch e.Reason() {
	case v1.ReasonTerminating, v1.ReasonKindNotAllowed, v1.ReasonImmutable, v1.ReasonKindNotInstalled:
		return true
	}
	return false
}
