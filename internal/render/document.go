package render

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
	"cuelang.org/go/encoding/yaml"
)

// userPrefix distinguishes the user's files from the templates in positions.
const userPrefix = "user:"

// RenderYAML renders the YAML (or JSON) document of an NpuDeploy, as Render does. It keeps the
// lines of the file for violations and for Explain, and reports what the API server would
// prune or reject: unknown fields and wrong types. document may begin with line breaks, which
// count for the line numbers.
func (t *Templates) RenderYAML(file string, document []byte, settings ProjectSettings) (*Result, error) {
	deploy, err := t.extract(file, document)
	if err != nil {
		return nil, err
	}
	return t.renderDeploy(deploy, settings, newPlaceholders(nil))
}

// extract reads a document as a value of this set's context.
func (t *Templates) extract(file string, document []byte) (cue.Value, error) {
	if err := checkDocumentSize(document); err != nil {
		return cue.Value{}, err
	}
	extracted, err := yaml.Extract(userPrefix+file, document)
	if err != nil {
		return cue.Value{}, unreadable(file, err)
	}
	object := &ast.StructLit{Elts: extracted.Decls}
	if violations := misreadings(object, document); len(violations) > 0 {
		return cue.Value{}, &Error{Violations: violations}
	}
	canonicalQuantities(object)
	// The context does not retain an expression, which keeps its positions.
	value := t.context.BuildExpr(object)
	if err := value.Err(); err != nil {
		return cue.Value{}, unreadable(file, err)
	}
	return value, nil
}

// unreadable returns the error of a document that is not valid YAML, or has an invalid value.
func unreadable(file string, err error) error {
	first := cueerrors.Errors(err)[0]
	if path := userPath(first.Path(), newPlaceholders(nil)); path != "" {
		violation := Violation{Path: path, Message: messageOf(first)}
		if positions := cueerrors.Positions(first); len(positions) > 0 {
			violation.Position = userPosition(positions[0].Position())
		}
		return &Error{Violations: []Violation{violation}}
	}
	// The parser writes "file:line: what is wrong".
	text := strings.TrimSpace(strings.TrimPrefix(first.Error(), userPrefix+file+":"))
	violation := Violation{Message: oneLine(text)}
	if line, rest, found := strings.Cut(text, ": "); found {
		if number, err := strconv.Atoi(line); err == nil {
			violation.Message = oneLine(rest)
			violation.Position = token.Position{Filename: file, Line: number, Column: 1}
		}
	}
	return &Error{Violations: []Violation{violation}}
}

func isUserFile(name string) bool { return strings.HasPrefix(name, userPrefix) }

func userPosition(position token.Position) token.Position {
	position.Filename = strings.TrimPrefix(position.Filename, userPrefix)
	return position
}
