package render

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// objectPath returns the path of an error relative to the input: without the field of the
// input, or the rule (violations.devices.0, or violations).
func objectPath(path []string) []string {
	switch {
	case len(path) == 0:
		return path
	case path[0] == fieldViolations && len(path) > 2 && isIndex(path[2]):
		return path[3:]
	case slices.Contains([]string{fieldViolations, fieldDeploy, fieldProject}, path[0]):
		return path[1:]
	default:
		return path
	}
}

func isIndex(element string) bool {
	_, err := strconv.Atoi(element)
	return err == nil
}

// userPath formats a path of CUE for users, with list indices in brackets and unusual keys in
// quotes.
func userPath(path []string, keys *placeholders) string {
	var out strings.Builder
	for _, element := range path {
		element = unquote(element)
		if isIndex(element) {
			out.WriteString("[" + element + "]")
			continue
		}
		element = keys.key(element)
		if element == "" || strings.ContainsAny(element, "./ ") {
			element = "[" + strconv.Quote(element) + "]"
		} else if out.Len() > 0 {
			out.WriteByte('.')
		}
		out.WriteString(element)
	}
	return out.String()
}

func unquote(element string) string {
	if unquoted, err := strconv.Unquote(element); err == nil {
		return unquoted
	}
	return element
}

// positionAt returns the position of the value at path in a user's file, or of the nearest
// value above it; of the key, if isKey is true.
func positionAt(object *ast.StructLit, path []string, isKey bool) token.Position {
	if object == nil {
		return token.Position{}
	}
	var node ast.Node = object
	for i, element := range path {
		next := elementAt(node, unquote(element))
		if next == nil {
			break
		}
		node = next
		if field, ok := node.(*ast.Field); ok {
			if isKey && i == len(path)-1 {
				return userPosition(field.Label.Pos().Position())
			}
			node = field.Value
		}
	}
	return userPosition(node.Pos().Position())
}

// elementAt returns the field or the list element of a name below node, nil without one.
func elementAt(node ast.Node, name string) ast.Node {
	switch node := node.(type) {
	case *ast.StructLit:
		if field := fieldOf(node, name); field != nil {
			return field
		}
	case *ast.ListLit:
		if i, err := strconv.Atoi(name); err == nil && i < len(node.Elts) {
			return node.Elts[i]
		}
	}
	return nil
}

func fieldOf(object *ast.StructLit, name string) *ast.Field {
	for _, element := range object.Elts {
		if field, ok := element.(*ast.Field); ok {
			if label, _, err := ast.LabelName(field.Label); err == nil && label == name {
				return field
			}
		}
	}
	return nil
}

// selectorOf returns the selector for one element of an error's path, below parent.
func selectorOf(element string, parent cue.Value) cue.Selector {
	element = unquote(element)
	if index, err := strconv.Atoi(element); err == nil && parent.IncompleteKind() == cue.ListKind {
		return cue.Index(index)
	}
	return cue.Str(element)
}
