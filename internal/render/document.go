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

// userPrefix marks the user's files among the positions of the templates.
const userPrefix = "user:"

// RenderYAML renders the YAML (or JSON) document of an NpuDeploy, as Render does, but keeps the lines
// of the user's file for faults and for Explain. It sees what the API server would
// prune or refuse: unknown fields, wrong types. Line breaks before the document in its
// file keep the line numbers true.
func (t *Templates) RenderYAML(file string, document []byte, facts ProjectSettings) (*Result, error) {
	deploy, err := t.extract(file, document)
	if err != nil {
		return nil, err
	}
	return t.renderDeploy(deploy, facts, newStandIns(nil))
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
	if faults := misreadings(object, document); len(faults) > 0 {
		return cue.Value{}, &Error{Violations: faults}
	}
	canonicalQuantities(object)
	// An expression neither stays in the context nor loses its positions.
	value := t.context.BuildExpr(object)
	if err := value.Err(); err != nil {
		return cue.Value{}, unreadable(file, err)
	}
	return value, nil
}

// unreadable is the fault of a document that is no YAML, or has a value that is none.
func unreadable(file string, err error) error {
	first := cueerrors.Errors(err)[0]
	if path := userPath(first.Path(), newStandIns(nil)); path != "" {
		fault := Violation{Path: path, Message: messageOf(first)}
		if positions := cueerrors.Positions(first); len(positions) > 0 {
			fault.Position = userPosition(positions[0].Position())
		}
		return &Error{Violations: []Violation{fault}}
	}
	// The parser writes "file:line: what is wrong".
	text := strings.TrimSpace(strings.TrimPrefix(first.Error(), userPrefix+file+":"))
	fault := Violation{Message: shorten(strings.ReplaceAll(text, "\n", " "))}
	if line, rest, found := strings.Cut(text, ": "); found {
		if number, err := strconv.Atoi(line); err == nil {
			fault.Message = shorten(rest)
			fault.Position = token.Position{Filename: file, Line: number, Column: 1}
		}
	}
	return &Error{Violations: []Violation{fault}}
}

func isUserFile(name string) bool { return strings.HasPrefix(name, userPrefix) }

func userPosition(position token.Position) token.Position {
	position.Filename = strings.TrimPrefix(position.Filename, userPrefix)
	return position
}
