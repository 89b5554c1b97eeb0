package render

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"github.com/dudaji/nufi/internal/message"
)

const (
	// maxTemplateViolations bounds the list of a TemplateError: one error may cause many.
	maxTemplateViolations = 50
	// formatConflict and formatDisjunction begin CUE's messages for a value that is none of
	// several: an introduction and a conflict with each of them.
	formatConflict    = "conflicting values %s and %s"
	formatDisjunction = "%d errors in empty disjunction"
)

// newTemplateError returns a TemplateError with all errors in err, of a value that may not
// exist and its package.
func newTemplateError(doing string, err error, value cue.Value, instance *build.Instance) error {
	result := &TemplateError{Doing: doing}
	schemas := schemasOf(instance)
	for _, group := range byPath(cueerrors.Errors(err)) {
		violation := templateViolation(group, schemas)
		if schemas[violation.Position.Filename] { // A required field has a position in the schema only.
			violation.Position = parentPosition(value, group[0].Path(), schemas, violation.Position)
		}
		result.Violations = append(result.Violations, violation)
		if len(result.Violations) == maxTemplateViolations {
			break
		}
	}
	return result
}

// firstError returns the first of CUE's errors with its position in the templates.
func firstError(err error) error {
	groups := byPath(cueerrors.Errors(err))
	if len(groups) == 0 {
		return err
	}
	return &TemplateError{Violations: []Violation{templateViolation(groups[0], nil)}}
}

// byPath groups the errors of one empty disjunction. All others are groups of one.
func byPath(list []cueerrors.Error) [][]cueerrors.Error {
	var groups [][]cueerrors.Error
	for _, err := range list {
		last := len(groups) - 1
		if last >= 0 && hasFormat(groups[last][0], formatDisjunction) && hasFormat(err, formatConflict) && slices.Equal(groups[last][0].Path(), err.Path()) {
			groups[last] = append(groups[last], err)
		} else {
			groups = append(groups, []cueerrors.Error{err})
		}
	}
	return groups
}

func hasFormat(err cueerrors.Error, prefix string) bool {
	format, _ := err.Msg()
	return strings.HasPrefix(format, prefix)
}

// templateViolation translates a group of byPath. Its position is in a file that is not among
// schemas, if there is one: the value of a policy, not its constraint.
func templateViolation(group []cueerrors.Error, schemas map[string]bool) Violation {
	err := group[len(group)-1]
	violation := Violation{Message: message.Line(err.Error(), maxMessage)}
	if len(group) > 1 {
		violation.Message = message.Line(strings.Join(err.Path(), ".")+": "+disjunctionMessage(group[1:]), maxMessage)
	}
	positions := cueerrors.Positions(err)
	if len(positions) == 0 {
		return violation
	}
	for isImport := true; isImport; { // Each package on the way to the error adds the prefix.
		if violation.Message, isImport = strings.CutPrefix(violation.Message, "import failed: "); isImport {
			// The first position is the import, the last one the error.
			positions = positions[len(positions)-1:]
		}
	}
	violation.Position = templatePosition(positions[0])
	for _, position := range positions {
		if at := templatePosition(position); !schemas[at.Filename] {
			violation.Position = at
			break
		}
	}
	return violation
}

// disjunctionMessage returns the message of a value that conflicts with each of several.
func disjunctionMessage(conflicts []cueerrors.Error) string {
	var values []string
	counts := map[string]int{}
	for _, conflict := range conflicts {
		_, args := conflict.Msg()
		for _, arg := range args[:2] {
			value := fmt.Sprint(arg)
			if counts[value]++; counts[value] == 1 {
				values = append(values, value)
			}
		}
	}
	// The value itself is in all conflicts.
	slices.SortStableFunc(values, func(a, b string) int { return counts[b] - counts[a] })
	return "must be one of " + strings.Join(values[1:], ", ") + ", not " + values[0]
}

func templatePosition(position token.Pos) token.Position {
	at := position.Position()
	at.Filename = strings.TrimPrefix(at.Filename, "/")
	return at
}

// schemasOf returns the files of instance and its imports, true for those that declare definitions: they constrain values,
// and the others have them.
func schemasOf(instance *build.Instance) map[string]bool {
	schemas := map[string]bool{}
	for _, each := range withImports(instance) {
		for _, file := range each.Files {
			schemas[strings.TrimPrefix(file.Filename, "/")] = slices.ContainsFunc(file.Decls, isDefinition)
		}
	}
	return schemas
}

func isDefinition(decl ast.Decl) bool {
	field, ok := decl.(*ast.Field)
	return ok && isDefinitionName(field.Label)
}

// parentPosition returns the position of the value at path, or of the nearest struct above it, outside schemas, or
// fallback.
func parentPosition(value cue.Value, path []string, schemas map[string]bool, fallback token.Position) token.Position {
	for length := len(path); length > 0; length-- {
		parent := value
		for _, element := range path[:length] {
			parent = parent.LookupPath(cue.MakePath(selectorOf(element, parent)))
		}
		_, conjuncts := parent.Expr()
		for _, conjunct := range append(conjuncts, parent) {
			at := templatePosition(cue.Dereference(conjunct).Pos())
			if at.IsValid() && !schemas[at.Filename] {
				return at
			}
		}
	}
	return fallback
}
