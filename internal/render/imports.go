package render

import (
	"path"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/token"
)

// evaluateImports evaluates the packages that instance imports and returns them as the scope
// to build it in, and the same scope without messages. Without this, CUE would evaluate policy,
// the accelerators and the contract again in each render.
func (t *Templates) evaluateImports(instance *build.Instance) (scope, plain cue.Value, err error) {
	packages, plainPackages := map[string]cue.Value{}, map[string]cue.Value{}
	for _, imported := range instance.Imports {
		value := t.context.BuildInstance(imported)
		// CUE does not validate values of imports that no template refers to.
		if err := value.Validate(cue.Concrete(true)); err != nil {
			return cue.Value{}, cue.Value{}, newTemplateError("compiling the templates", err, value, imported)
		}
		t.words.addNames(value)
		packages[imported.ImportPath], plainPackages[imported.ImportPath] = value, value
		if path.Base(imported.Dir) == path.Base(contractPackage) {
			plainPackages[imported.ImportPath] = t.context.BuildInstance(withoutMessages(imported))
		}
	}
	for _, file := range instance.Files {
		ast.Walk(file, func(node ast.Node) bool {
			if name, ok := node.(*ast.Ident); ok {
				referToScope(name, instance)
			}
			return true
		}, nil)
	}
	return t.context.Encode(packages), t.context.Encode(plainPackages), nil
}

// referToScope turns a reference to an imported package into an unbound identifier, which
// CUE resolves in the scope. CUE's own packages have no instance and stay imported.
func referToScope(name *ast.Ident, instance *build.Instance) {
	spec, ok := name.Node.(*ast.ImportSpec)
	if !ok {
		return
	}
	info, err := astutil.ParseImportSpec(spec)
	if err != nil {
		return
	}
	if imported := instance.LookupImport(info.ID); imported != nil {
		name.Name, name.Node = imported.ImportPath, nil
	}
}

// withoutMessages returns instance without the alternatives error("...") of its constraints. They
// do not change what a constraint accepts, but CUE tries each alternative of each value. The
// files of instance are modified, so that it must be built before.
func withoutMessages(instance *build.Instance) *build.Instance {
	plain := build.NewContext().NewInstance(instance.Dir, nil)
	plain.PkgName = instance.PkgName
	for _, file := range instance.Files {
		file, _ := astutil.Apply(file, nil, func(cursor astutil.Cursor) bool {
			if binary, ok := cursor.Node().(*ast.BinaryExpr); ok && binary.Op == token.OR && isMessage(binary.Y) {
				cursor.Replace(binary.X)
			}
			return true
		}).(*ast.File)
		plain.Files = append(plain.Files, file)
	}
	return plain
}

func isMessage(expression ast.Expr) bool {
	call, ok := expression.(*ast.CallExpr)
	if !ok {
		return false
	}
	function, ok := call.Fun.(*ast.Ident)
	return ok && function.Name == "error"
}
