package render

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
	"cuelang.org/go/encoding/yaml"
)

// userPrefix marks the user's files among the positions of the templates.
const userPrefix = "user:"

// RenderYAML renders one YAML (or JSON) document, as Render does, but keeps the lines
// of the user's file for faults and for Explain. It sees what the API server would
// prune or refuse: unknown fields, wrong types. Line breaks before the document in its
// file keep the line numbers true.
func (t *Templates) RenderYAML(file string, document []byte) (*Result, error) {
	if err := checkDocumentSize(document); err != nil {
		return nil, err
	}
	extracted, err := yaml.Extract(userPrefix+file, document)
	if err != nil {
		return nil, unreadable(file, err)
	}
	spec := &ast.StructLit{Elts: extracted.Decls}
	canonicalQuantities(spec)
	// An expression neither stays in the context nor loses its positions.
	deploy := t.context.BuildExpr(spec)
	if err := deploy.Err(); err != nil {
		return nil, unreadable(file, err)
	}
	return t.render(deploy, newStandIns(nil))
}

// unreadable is the fault of a document that is no YAML, or has a field twice.
func unreadable(file string, err error) error {
	first := cueerrors.Errors(err)[0]
	if path := userPath(first.Path(), newStandIns(nil)); path != "" {
		fault := Fault{Path: path, Message: "is given twice"}
		if positions := cueerrors.Positions(first); len(positions) > 0 {
			fault.Position = userPosition(positions[0].Position())
		}
		return &Error{Faults: []Fault{fault}}
	}
	// The parser writes "file:line: what is wrong".
	text := strings.TrimSpace(strings.TrimPrefix(first.Error(), userPrefix+file+":"))
	fault := Fault{Message: shorten(strings.ReplaceAll(text, "\n", " "))}
	if line, rest, found := strings.Cut(text, ": "); found {
		if number, err := strconv.Atoi(line); err == nil {
			fault.Message = shorten(rest)
			fault.Position = token.Position{Filename: file, Line: number, Column: 1}
		}
	}
	return &Error{Faults: []Fault{fault}}
}

func isUserFile(name string) bool { return strings.HasPrefix(name, userPrefix) }

func userPosition(position token.Position) token.Position {
	position.Filename = strings.TrimPrefix(position.Filename, userPrefix)
	return position
}
