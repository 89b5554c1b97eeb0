package render

import (
	"errors"
	"fmt"
	"strings"

	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

const (
	// maxMessage bounds a message, in bytes: a user's own text may be a megabyte.
	maxMessage = 400
	// maxTemplateViolations bounds the list of a TemplateError: one error may cause many.
	maxTemplateViolations = 50
)

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
	// Doing is the operation: compiling the templates.
	Doing string
	// Violations has at least one element, in CUE's order.
	Violations []Violation
}

// Error joins the violations with semicolons.
func (e *TemplateError) Error() string { return e.Doing + ": " + join(e.Violations, Violation.Located) }

func join(violations []Violation, format func(Violation) string) string {
	lines := make([]string, len(violations))
	for i, violation := range violations {
		lines[i] = format(violation)
	}
	return strings.Join(lines, "; ")
}

// newTemplateError returns a TemplateError with all errors in err.
func newTemplateError(doing string, err error) error {
	list := cueerrors.Errors(err)
	result := &TemplateError{Doing: doing}
	for _, single := range list[:min(len(list), maxTemplateViolations)] {
		result.Violations = append(result.Violations, templateViolation(single))
	}
	return result
}

// firstError returns the first of CUE's errors with its position in the templates.
func firstError(err error) error {
	list := cueerrors.Errors(err)
	if len(list) == 0 {
		return err
	}
	return errors.New(templateViolation(list[0]).Located())
}

func templateViolation(err cueerrors.Error) Violation {
	violation := Violation{Message: oneLine(err.Error())}
	if positions := cueerrors.Positions(err); len(positions) > 0 {
		violation.Position = positions[0].Position()
		if inner, ok := strings.CutPrefix(violation.Message, "import failed: "); ok {
			// The first position is the import, the last one the error.
			violation.Message, violation.Position = inner, positions[len(positions)-1].Position()
		}
		violation.Position.Filename = strings.TrimPrefix(violation.Position.Filename, "/")
	}
	return violation
}

// oneLine returns text without line breaks, at most maxMessage bytes of it.
func oneLine(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "..."
}
