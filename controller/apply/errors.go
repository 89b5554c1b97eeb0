package apply

import (
	"fmt"
	"time"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Each error is one reason of the condition Applied. They are closed: whatever else
// the API server answers is a RejectedError, or an UnavailableError if it did not.

// NotAllowedError is a manifest that no template may yield. Only other templates help.
type NotAllowedError struct {
	Ref Ref
	Why string
}

func (e *NotAllowedError) Error() string { return fmt.Sprintf("%s: %s", e.Ref, e.Why) }

// Reason is the condition's.
func (e *NotAllowedError) Reason() string { return v1.ReasonKindNotAllowed }

// NotInstalledError is a kind that the API server does not serve (yet).
type NotInstalledError struct{ Ref Ref }

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("%s: the API server does not serve kind %s of %s: install it, or have the spec or the policy "+
		"ask for another", e.Ref, e.Ref.Kind, e.Ref.GroupVersion())
}

// Reason is the condition's.
func (e *NotInstalledError) Reason() string { return v1.ReasonKindNotInstalled }

// ConflictError is an object of that name which is not ours, or a field of it.
type ConflictError struct {
	Ref Ref
	// Owner is the NpuDeploy that it could be handed over to, empty if it cannot.
	Owner string
	// ControlledBy is the kind and name of its controller, if it has one.
	ControlledBy string
	// Manager and Field are who manages what; empty means not known.
	Manager, Field string
}

func (e *ConflictError) Error() string {
	text := e.Ref.String() + ": exists, and is not ours"
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
		text += fmt.Sprintf("; annotate it with %s=%s to hand it over", v1.AnnotationAdopt, e.Owner)
	}
	return text
}

// Reason is the condition's.
func (e *ConflictError) Reason() string { return v1.ReasonConflict }

// ContestedError is a child that somebody keeps rewriting.
type ContestedError struct {
	Kind, Name string
	// Manager and Field are who rewrites what; empty means not known.
	Manager, Field string
	// RetryAfter is when to look again.
	RetryAfter time.Duration
}

func newContested(who child, by opponent, wait time.Duration) *ContestedError {
	return &ContestedError{
		Kind: who.key.kind, Name: who.key.name, Manager: by.manager, Field: by.field, RetryAfter: wait,
	}
}

func (e *ContestedError) Error() string {
	by, what := "somebody", "it"
	if e.Manager != "" {
		by = fmt.Sprintf("%q", e.Manager)
	}
	if e.Field != "" {
		what = e.Field
	}
	return fmt.Sprintf("%s %s: %s keeps rewriting %s", e.Kind, e.Name, by, what)
}

// Reason is the condition's.
func (e *ContestedError) Reason() string { return v1.ReasonContested }

// ImmutableError is a field that cannot change once set. Another spec helps, or
// deleting the object by hand.
type ImmutableError struct {
	Ref   Ref
	Field string
}

func (e *ImmutableError) Error() string {
	return fmt.Sprintf("%s: %s cannot change once set: undo the change, or delete the object yourself", e.Ref, e.Field)
}

// Reason is the condition's.
func (e *ImmutableError) Reason() string { return v1.ReasonImmutable }

// RejectedError is a manifest that the API server, or its admission, refused.
type RejectedError struct {
	Ref Ref
	// Field is the first that was named, if any.
	Field   string
	Message string
	Err     error
}

func (e *RejectedError) Error() string { return e.Ref.String() + ": " + e.Message }

func (e *RejectedError) Unwrap() error { return e.Err }

// Reason is the condition's.
func (e *RejectedError) Reason() string { return v1.ReasonRejected }

// DeletingError is a child that is on its way out; it is made anew once it is gone.
type DeletingError struct{ Ref Ref }

func (e *DeletingError) Error() string { return e.Ref.String() + ": waiting for its deletion to end" }

// Reason is the condition's.
func (e *DeletingError) Reason() string { return v1.ReasonApplyFailed }

// UnavailableError is an API server that did not answer, or not for good.
type UnavailableError struct {
	Ref Ref
	Err error
}

func (e *UnavailableError) Error() string { return e.Ref.String() + ": " + oneLine(e.Err.Error()) }

func (e *UnavailableError) Unwrap() error { return e.Err }

// Reason is the condition's.
func (e *UnavailableError) Reason() string { return v1.ReasonApplyFailed }
