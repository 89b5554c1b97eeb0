package main

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// onlyWhereGiven replaces each optional struct of spec by a pattern: name?: {} becomes ["name"]:
// {}, which constrains the same field. CUE v0.17.1 evaluates the content of an absent optional
// field, but a pattern only if a field matches.
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
