package render

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"

	"github.com/dudaji/nufi/internal/message"
)

const (
	messageUnknown = "unknown field"
	// formatMismatch begins CUE's message for a value of another type.
	formatMismatch = "conflicting values %s and %s (mismatched types"
)

// violations translates CUE's errors on an input, one for each path and message.
func (e *engine) violations(err error, in input) *Error {
	byText, mismatched := map[string]Violation{}, map[string]string{}
	for _, single := range cueerrors.Errors(err) {
		text := messageOf(single)
		if text == "" {
			continue
		}
		path := objectPath(single.Path())
		isUnknown := text == messageUnknown
		if isUnknown {
			path = unknownPath(path, e.contract())
			text += suggestion(path, e.contract())
		}
		violation := Violation{
			Path:     userPath(path, in.keys),
			Message:  in.keys.unmaskText(text),
			Position: positionAt(in.syntax, path, isUnknown),
		}
		byText[violation.String()] = violation
		if format, _ := single.Msg(); strings.HasPrefix(format, formatMismatch) {
			mismatched[violation.Path] = violation.Message
		}
	}
	// A value of another type breaks the other bounds too, with messages that do not help.
	maps.DeleteFunc(byText, func(_ string, violation Violation) bool {
		return mismatched[violation.Path] != "" && mismatched[violation.Path] != violation.Message
	})
	violations := slices.Collect(maps.Values(byText))
	sortViolations(violations)
	return &Error{Violations: violations}
}

func sortViolations(violations []Violation) {
	slices.SortFunc(violations, func(a, b Violation) int { return strings.Compare(a.String(), b.String()) })
}

// elementErrors adds to err the errors of each scalar of object in value. CUE itself reports
// only the first one below a list or a map whose size is bounded.
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

// unknownPath returns the part of path up to the first element that contract does not have.
func unknownPath(path []string, contract cue.Value) []string {
	for i, element := range path {
		contract = lookupElement(contract, element)
		if !contract.Exists() {
			return path[:i+1]
		}
	}
	return path
}

// lookupElement returns the contract of one element of a path.
func lookupElement(contract cue.Value, element string) cue.Value {
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
	if value := lookupPattern(contract, element); value.Exists() {
		return value
	}
	return contract.LookupPath(cue.MakePath(cue.AnyString))
}

// lookupPattern returns the contract of a field that only a pattern constrains, as in the
// optional structs of a spec.
func lookupPattern(contract cue.Value, name string) cue.Value {
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

// messageOf words a CUE error for users who do not write CUE. It returns "" if another error
// of the same value is clearer.
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
		return mismatchMessage(fmt.Sprint(args[3]), fmt.Sprint(args[2]))
	case strings.HasPrefix(format, "invalid value %v (out of bound %s)") && len(args) == 2:
		return boundMessage(fmt.Sprint(args[0]), fmt.Sprint(args[1]))
	}
	text := fmt.Sprintf(format, args...)
	if size := sizeBound.FindStringSubmatch(text); size != nil {
		return sizeMessage(size[1], size[2], size[3])
	}
	return message.Line(text, maxMessage)
}

// sizeBound matches CUE's name of a bound on the size of a text, a list or a map.
var sizeBound = regexp.MustCompile(`\(does not satisfy \w+\.(Min|Max)(Runes|Items|Fields)\((\d+)\)`)

func sizeMessage(bound, of, size string) string {
	if bound == "Min" && size == "1" {
		return "must not be empty"
	}
	words := map[string]string{"Min": "at least", "Max": "at most", "Runes": "characters", "Items": "elements", "Fields": "keys"}
	return strings.Join([]string{"must have", words[bound], size, words[of]}, " ")
}

// mismatchMessage words the mismatch of two of CUE's types.
func mismatchMessage(want, got string) string {
	isNumber := got == "int" || got == "float" || got == "number"
	switch {
	case want == "string" && (isNumber || got == "bool"):
		return "must be text: put it in quotation marks"
	case want == "int" && isNumber:
		return "must be a whole number"
	case want == "int" && got == "string":
		return "must be a whole number without quotation marks"
	}
	return "must be " + typeName(want) + ", not " + typeName(got)
}

// typeName returns the name of CUE's type, or of several with | between them.
func typeName(types string) string {
	names := map[string]string{
		"string": "text", "int": "a whole number", "float": "a number", "number": "a number",
		"bool": "true or false", "struct": "an object", "list": "a list", "null": "empty",
	}
	words := strings.FieldsFunc(types, func(r rune) bool { return strings.ContainsRune("(|) ", r) })
	for i, word := range words {
		words[i] = cmp.Or(names[word], word)
	}
	return strings.Join(words, " or ")
}

func boundMessage(value, bound string) string {
	if pattern, ok := strings.CutPrefix(bound, "=~"); ok {
		return message.Line(value, maxMessage) + " does not match " + pattern
	}
	for _, operator := range [][2]string{{">=", "at least "}, {"<=", "at most "}, {">", "more than "}, {"<", "less than "}} {
		if limit, ok := strings.CutPrefix(bound, operator[0]); ok {
			bound = operator[1] + limit
			break
		}
	}
	return "must be " + bound + ", not " + message.Line(value, maxMessage)
}
