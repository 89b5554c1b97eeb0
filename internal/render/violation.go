package render

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/token"
)

// maxMessage bounds a message, in bytes: a value of the user may be a megabyte.
const maxMessage = 400

// Violation is a value that the contract, a rule or CUE itself rejects.
type Violation struct {
	// Path is the user's field: spec.accelerator.count, spec.inferenceServer.args[3]. It is
	// empty for a whole document, and in templates, whose messages have CUE's own path.
	Path string
	// Message is one line.
	Message string
	// Position is in the user's file or in the templates; it is invalid where there is no
	// file.
	Position token.Position
}

// String returns "path: message".
func (v Violation) String() string {
	if v.Path == "" {
		return v.Message
	}
	return v.Path + ": " + v.Message
}

// Located returns "file:line: path: message", without the position if there is no file.
func (v Violation) Located() string {
	if v.Position.Filename == "" {
		return v.String()
	}
	return fmt.Sprintf("%s:%d: %s", v.Position.Filename, v.Position.Line, v)
}

// Error reports an invalid spec, which no retry can render.
type Error struct {
	// Violations has at least one element, sorted by path.
	Violations []Violation
}

// Error joins the violations with semicolons.
func (e *Error) Error() string { return join(e.Violations, Violation.String) }

// TemplateError reports invalid templates. Its messages are CUE's own, for authors of CUE.
type TemplateError struct {
	// Doing is the operation, such as compiling the templates. It is empty if the caller adds it.
	Doing string
	// Violations has at least one element, in CUE's order.
	Violations []Violation
}

// Error joins the violations with semicolons.
func (e *TemplateError) Error() string {
	violations := join(e.Violations, Violation.Located)
	if e.Doing == "" {
		return violations
	}
	return e.Doing + ": " + violations
}

func join(violations []Violation, format func(Violation) string) string {
	lines := make([]string, len(violations))
	for i, violation := range violations {
		lines[i] = format(violation)
	}
	return strings.Join(lines, "; ")
}
