package render

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
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
		return nil, &Error{Faults: []Fault{{Path: file, Message: oneLine(err).Error()}}}
	}
	spec := &ast.StructLit{Elts: extracted.Decls}
	canonicalQuantities(spec)
	// An expression neither stays in the context nor loses its positions.
	deploy := t.context.BuildExpr(spec)
	if err := deploy.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, oneLine(err))
	}
	return t.render(deploy, newStandIns(nil))
}

func isUserFile(name string) bool { return strings.HasPrefix(name, userPrefix) }

func userPosition(position token.Position) token.Position {
	position.Filename = strings.TrimPrefix(position.Filename, userPrefix)
	return position
}
