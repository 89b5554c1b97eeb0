package render

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
)

// withConstants returns the packages for another context, in which each field that has a value refers to it as a literal.
// CUE keeps the expression of a field, and all that it evaluated for it, as long as its value; the explanation of a field
// alone needs that. For example, schemas/policy changes from
//
//	policy: pod: seconds: 2 * 60
//	_days: ["Mon", "Tue"]
//
// to references to another struct, which is the scope of the package by its path:
//
//	policy: "schemas/policy"."policy"      "policy": pod: seconds: 120
//	_days:  "schemas/policy"."_days"       "_days": ["Mon", "Tue"]
//
// The files of the packages are modified. Only the templates in this program may have constants, under a policy of
// constants. Others may read what a literal lacks: see havePlainPolicy.
func (p *packages) withConstants(context *cue.Context) *packages {
	result := newPackages(context)
	for instance, value := range p.values {
		result.constants[instance] = context.BuildFile(extractConstants(instance, value))
	}
	return result
}

// havePlainPolicy reports whether the policy consists of fields with one value. Other declarations, such as definitions
// and comprehensions, may read hidden fields of a value, which its literal lacks, or replace a default.
func (p *packages) havePlainPolicy() bool {
	for instance, value := range p.values {
		for _, file := range instance.Files {
			isOther := func(decl ast.Decl) bool {
				return !isHeader(decl) && !hasOneValue(constantOf(value, nameOf(decl), instance))
			}
			if strings.HasSuffix(file.Filename, policyFile) && slices.ContainsFunc(file.Decls, isOther) {
				return false
			}
		}
	}
	return true
}

func isHeader(decl ast.Decl) bool {
	switch decl.(type) {
	case *ast.Package, *ast.ImportDecl, *ast.CommentGroup, *ast.Attribute:
		return true
	default:
		return false
	}
}

// hasOneValue is false for a value that has a default somewhere.
func hasOneValue(value cue.Value) bool {
	result := value.Exists()
	value.Walk(func(part cue.Value) bool {
		_, hasDefault := part.Default()
		result = result && !hasDefault
		return result
	}, nil)
	return result
}

// extractConstants returns the constants of a package, and replaces its fields by references to them.
func extractConstants(instance *build.Instance, value cue.Value) *ast.File {
	constants := literals{shared: map[string]string{}, labels: map[string]ast.Label{}}
	found := map[string]cue.Value{} // A field may be declared in many files.
	for _, file := range instance.Files {
		var kept []ast.Decl
		for _, decl := range file.Decls {
			name := nameOf(decl)
			constant, isFound := found[name]
			if !isFound {
				constant = constantOf(value, name, instance)
				found[name] = constant
			}
			switch {
			case !constant.Exists():
				kept = append(kept, decl)
			case !isFound:
				literal, _ := constants.of(constant)
				constants.add(ast.NewString(name), literal)
				reference := &ast.SelectorExpr{X: &ast.Ident{Name: instance.ImportPath}, Sel: ast.NewString(name)}
				kept = append(kept, &ast.Field{Label: ast.NewIdent(name), Value: reference})
			}
		}
		file.Decls = kept
	}
	return &constants.File
}

// nameOf returns the name of a field that is no definition and has no alias, or nothing.
func nameOf(decl ast.Decl) string {
	if field, ok := decl.(*ast.Field); ok && field.Alias == nil && !isDefinitionName(field.Label) {
		if label, ok := field.Label.(*ast.Ident); ok {
			return label.Name
		}
	}
	return ""
}

func isDefinitionName(label ast.Label) bool {
	name, _, err := ast.LabelName(label)
	return err == nil && (strings.HasPrefix(name, "#") || strings.HasPrefix(name, "_#"))
}

// constantOf returns the value of a field of a package, if it has one.
func constantOf(of cue.Value, name string, instance *build.Instance) cue.Value {
	if name == "" {
		return cue.Value{}
	}
	selector := cue.Str(name)
	if strings.HasPrefix(name, "_") {
		selector = cue.Hid(name, instance.ID())
	}
	if field := of.LookupPath(cue.MakePath(selector)); field.Validate(cue.Concrete(true)) == nil {
		return field
	}
	return cue.Value{}
}
