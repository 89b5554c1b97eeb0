package render

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// withinRule returns path without its prefix in the rules: violations.devices.0, or violations.
func withinRule(path []string) []string {
	switch {
	case len(path) == 0 || path[0] != fieldViolations:
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

// userPath formats a CUE path as a field of the user's object: without the field of the
// input or the rules, with list indices in brackets and unusual keys in quotes.
func userPath(path []string, keys *placeholders) string {
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

// positionOf returns the position of an error in the user's file: one of the error's own, or
// that of the field at its path.
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

// selectorOf returns the selector for one element of an error's path, below parent.
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
