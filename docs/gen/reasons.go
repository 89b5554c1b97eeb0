package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// reasons returns the reasons of conditions. A constant's comment begins with "ReasonX means
// that"; its second paragraph says what to do. The comment of the group names the condition.
func reasons(context.Context) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "schemas/v1/conditions.go", nil, parser.ParseComments)
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || !strings.HasPrefix(group.Doc.Text(), "Reasons of ") {
			continue
		}
		condition := strings.FieldsFunc(strings.TrimPrefix(group.Doc.Text(), "Reasons of "), func(r rune) bool { return r == '.' || r == ',' })[0]
		for _, spec := range group.Specs {
			row, err := reason(spec.(*ast.ValueSpec))
			if err != nil {
				return "", err
			}
			rows = append(rows, []string{row[0], condition, row[1], row[2]})
		}
	}
	return table([]string{"Reason", "Condition", "Meaning", "What to do"}, rows), nil
}

// reason returns the value of a constant and the two paragraphs of its comment.
func reason(spec *ast.ValueSpec) ([3]string, error) {
	name := spec.Names[0].Name
	value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
	if err != nil {
		return [3]string{}, fmt.Errorf("%s: %w", name, err)
	}
	meaning, remedy, _ := strings.Cut(spec.Doc.Text(), "\n\n")
	meaning, ok := strings.CutPrefix(oneLine(meaning), name+" means that ")
	if !ok {
		return [3]string{}, fmt.Errorf("the comment of %s does not begin with %q", name, name+" means that")
	}
	meaning = strings.TrimSuffix(strings.ToUpper(meaning[:1])+meaning[1:], ".")
	return [3]string{"`" + value + "`", meaning, strings.TrimSuffix(oneLine(remedy), ".")}, nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
