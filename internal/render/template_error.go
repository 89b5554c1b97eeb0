package render

import (
	"errors"
	"fmt"
	"strings"

	cueerrors "cuelang.org/go/cue/errors"
)

// maxBroken bounds how many faults of templates are told: one may cause all the others.
const maxBroken = 50

// TemplateError says that the templates are at fault. Its faults are in CUE's own words, for
// those who write CUE, and have their positions in the templates.
type TemplateError struct {
	// Doing is what was being done with the templates: compiling the templates.
	Doing string
	// Faults has at least one element, in CUE's order.
	Faults []Violation
}

// Error lists the faults, separated by semicolons.
func (e *TemplateError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, fault := range e.Faults {
		lines[i] = located(fault)
	}
	return e.Doing + ": " + strings.Join(lines, "; ")
}

// broken is a BrokenError of all that CUE has to say.
func broken(doing string, err error) error {
	list := cueerrors.Errors(err)
	broken := &TemplateError{Doing: doing}
	for _, single := range list[:min(len(list), maxBroken)] {
		broken.Faults = append(broken.Faults, templateFault(single))
	}
	return broken
}

// oneLine keeps the first of CUE's errors, and its position in the templates.
func oneLine(err error) error {
	list := cueerrors.Errors(err)
	if len(list) == 0 {
		return err
	}
	return errors.New(located(templateFault(list[0])))
}

func templateFault(err cueerrors.Error) Violation {
	fault := Violation{Message: shorten(strings.ReplaceAll(err.Error(), "\n", " "))}
	if positions := cueerrors.Positions(err); len(positions) > 0 {
		fault.Position = positions[0].Position()
		if inner, ok := strings.CutPrefix(fault.Message, "import failed: "); ok {
			// The first position is the import's, the last that of what is wrong.
			fault.Message, fault.Position = inner, positions[len(positions)-1].Position()
		}
		fault.Position.Filename = strings.TrimPrefix(fault.Position.Filename, "/")
	}
	return fault
}

// located is the fault in one line, with its place if it has one.
func located(f Violation) string {
	if f.Position.Filename == "" {
		return f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.Position.Filename, f.Position.Line, f.Message)
}
