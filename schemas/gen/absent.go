package main

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// onlyWhereGiven turns each optional struct of spec into a pattern of one name:
// name?: {} becomes ["name"]: {}, which allows and constrains the same field. CUE
// v0.17.1 evaluates an optional field that is absent, with all that could be in it; a
// pattern it evaluates where a field matches.
func onlyWhereGiven(spec ast.Expr) {
	fields, ok := spec.(*ast.StructLit)
	if !ok {
		return
	}
	for _, decl := range fields.Elts {
		field, ok := decl.(*ast.Field)
		if !ok || field.Constraint != token.OPTION {
			continue
		}
		name, _, err := ast.LabelName(field.Label)
		if _, isStruct := field.Value.(*ast.StructLit); !isStruct || err != nil {
			continue
		}
		field.Label, field.Constraint = ast.NewList(ast.NewString(name)), token.ILLEGAL
	}
}
