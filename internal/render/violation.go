package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// maxMessage bounds a fault's message, in bytes: a user's own text may be a megabyte.
const maxMessage = 400

// Error says that the spec is at fault, field by field. Only another spec (or another
// policy) helps.
type Error struct {
	// Violations has at least one element, sorted by path.
	Violations []Violation
}

// Violation is one mistake in a spec.
type Violation struct {
	// Path is the user's field: spec.accelerator.count, spec.inferenceServer.args[3]. It
	// is empty for a fault of the whole document.
	Path string
	// Message is one line.
	Message string
	// Position is where the user's file has the field, if there was a file.
	Position token.Position
}

// Error lists the faults, separated by semicolons.
func (e *Error) Error() string {
	lines := make([]string, len(e.Violations))
	for i, fault := range e.Violations {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "; ")
}

// String is the fault in one line. What is wrong with the whole document has no path.
func (f Violation) String() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// faultsOf turns CUE's errors on a value below root into faults, one for each path and
// message.
func (e *engine) faultsOf(err error, root cue.Value, keys *standIns) *Error {
	byText, mismatched := map[string]Violation{}, map[string]string{}
	for _, single := range cueerrors.Errors(err) {
		if message := messageOf(single); message != "" {
			path := single.Path()
			if message == messageUnknown {
				path = firstUnknown(path, e.value)
			}
			fault := Violation{
				Path:     userPath(path, keys),
				Message:  keys.revealText(message),
				Position: e.positionOf(single, root),
			}
			byText[fault.String()] = fault
			if format, _ := single.Msg(); strings.HasPrefix(format, formatMismatch) {
				mismatched[fault.Path] = fault.Message
			}
		}
	}
	// What is of another type breaks the other bounds too, and they say it worse.
	maps.DeleteFunc(byText, func(_ string, fault Violation) bool {
		return mismatched[fault.Path] != "" && mismatched[fault.Path] != fault.Message
	})
	faults := make([]Violation, 0, len(byText))
	for _, fault := range byText {
		faults = append(faults, fault)
	}
	slices.SortFunc(faults, func(a, b Violation) int { return strings.Compare(a.String(), b.String()) })
	return &Error{Violations: faults}
}

// elementErrors adds to err the errors of each scalar of object, as it stands in value.
// CUE itself tells only the first one below a list or a map whose size is bounded.
func (e *engine) elementErrors(err error, value cue.Value, object any) error {
	all := cueerrors.Promote(err, "")
	e.context.Encode(object).Walk(func(element cue.Value) bool {
		if kind := element.Kind(); kind != cue.StructKind && kind != cue.ListKind {
			path := append([]cue.Selector{cue.Str(e.input)}, element.Path().Selectors()...)
			if err := value.LookupPath(cue.MakePath(path...)).Err(); err != nil {
				all = cueerrors.Append(all, cueerrors.Promote(err, ""))
			}
		}
		return true
	}, nil)
	return all
}

const (
	messageUnknown = "unknown field"
	// formatMismatch is how CUE begins to say that a value is of another type.
	formatMismatch = "conflicting values %s and %s (mismatched types"
)

// firstUnknown cuts path, at which CUE found a field that is not allowed, after the
// outermost element that the contract does not know.
func firstUnknown(path []string, contract cue.Value) []string {
	for i, element := range path {
		known := child(contract, element)
		if !known.Exists() {
			return path[:i+1]
		}
		contract = known
	}
	return path
}

// child is what the contract says of one element of a path.
func child(contract cue.Value, element string) cue.Value {
	name := selectorOf(element, contract)
	candidates := []cue.Selector{cue.AnyIndex}
	if name.LabelType() == cue.StringLabel {
		candidates = []cue.Selector{name, name.Optional(), name.Required()}
	}
	for _, candidate := range candidates {
		if value := contract.LookupPath(cue.MakePath(candidate)); value.Exists() {
			return value
		}
	}
	return patternFor(contract, element)
}

// patternFor is what the contract says of a field by a pattern of its name alone, as it
// does of the optional structs of a spec.
func patternFor(contract cue.Value, name string) cue.Value {
	fields, err := contract.Fields(cue.Patterns(true))
	if err != nil {
		return cue.Value{}
	}
	for fields.Next() {
		selector := fields.Selector()
		if selector.ConstraintType() != cue.PatternConstraint {
			continue
		}
		if only, err := selector.Pattern().String(); err == nil && only == name {
			return fields.Value()
		}
	}
	return cue.Value{}
}

// messageOf words a CUE error for somebody who does not write CUE; "" means that
// another error of the same value says it better.
func messageOf(err cueerrors.Error) string {
	format, args := err.Msg()
	switch {
	case strings.Contains(format, "errors in empty disjunction"), strings.Contains(format, "incomplete value"):
		return ""
	case strings.HasPrefix(format, "field not allowed"):
		return messageUnknown
	case strings.HasPrefix(format, "field is required but not present"):
		return "required"
	case strings.HasPrefix(format, formatMismatch) && len(args) == 4:
		return strings.ReplaceAll(fmt.Sprintf("must be %v, not %v", args[3], args[2]), "struct", "object")
	case strings.HasPrefix(format, "invalid value %v (out of bound %s)") && len(args) == 2:
		return boundMessage(fmt.Sprint(args[0]), fmt.Sprint(args[1]))
	}
	return shorten(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
}

func boundMessage(value, bound string) string {
	if pattern, ok := strings.CutPrefix(bound, "=~"); ok {
		return shorten(value) + " does not match " + pattern
	}
	return shorten(value) + " must be " + bound
}

func shorten(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "..."
}

// withinRule cuts off what leads to a rule: refuse.devices.0, or refuse alone.
func withinRule(path []string) []string {
	switch {
	case len(path) == 0 || path[0] != fieldRefuse:
		return path
	case len(path) > 2 && isIndex(path[2]):
		return path[3:]
	default:
		return path[1:]
	}
}

func isIndex(element string) bool {
	_, err := strconv.Atoi(element)
	return err == nil
}

// userPath writes a CUE path as the user knows it: without the field that holds the
// input or the rules, with list indices in brackets and odd keys in quotes.
func userPath(path []string, keys *standIns) string {
	path = withinRule(path)
	if len(path) > 0 && slices.Contains([]string{fieldDeploy, fieldProject}, path[0]) {
		path = path[1:]
	}
	var out strings.Builder
	for _, element := range path {
		if unquoted, err := strconv.Unquote(element); err == nil {
			element = unquoted
		}
		if isIndex(element) {
			out.WriteString("[" + element + "]")
			continue
		}
		element = keys.key(element)
		if strings.ContainsAny(element, "./ ") {
			element = "[" + strconv.Quote(element) + "]"
		} else if out.Len() > 0 {
			out.WriteByte('.')
		}
		out.WriteString(element)
	}
	return out.String()
}

// positionOf finds the user's file among an error's positions, or the user's field at
// the error's path.
func (e *engine) positionOf(err cueerrors.Error, root cue.Value) token.Position {
	for _, position := range cueerrors.Positions(err) {
		if isUserFile(position.Filename()) {
			return userPosition(position.Position())
		}
	}
	path := withinRule(err.Path())
	for length := len(path); length > 0; length-- {
		if position := e.fieldPosition(root, path[:length]); position.IsValid() {
			return position
		}
	}
	return token.Position{}
}

func (e *engine) fieldPosition(root cue.Value, path []string) token.Position {
	value := root.LookupPath(cue.MakePath(cue.Str(e.input)))
	for _, element := range path {
		value = value.LookupPath(cue.MakePath(selectorOf(element, value)))
	}
	for _, conjunct := range append([]cue.Value{value}, conjuncts(value)...) {
		if position := conjunct.Pos(); isUserFile(position.Filename()) {
			return userPosition(position.Position())
		}
	}
	return token.Position{}
}

// selectorOf reads one element of an error's path, below parent.
func selectorOf(element string, parent cue.Value) cue.Selector {
	if unquoted, err := strconv.Unquote(element); err == nil {
		element = unquoted
	}
	if index, err := strconv.Atoi(element); err == nil && parent.IncompleteKind() == cue.ListKind {
		return cue.Index(index)
	}
	return cue.Str(element)
}

func conjuncts(value cue.Value) []cue.Value {
	if op, args := value.Expr(); op == cue.AndOp {
		return args
	}
	return nil
}
