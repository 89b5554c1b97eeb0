package render

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/build"
)

// evaluateImports evaluates the packages that instance imports and returns them as the scope
// to build it in. Without this, CUE would evaluate policy, the accelerators and the contract
// again in each render.
func (t *Templates) evaluateImports(instance *build.Instance) (cue.Value, error) {
	scope := map[string]cue.Value{}
	for _, imported := range instance.Imports {
		value := t.context.BuildInstance(imported)
		// CUE does not validate values of imports that no template refers to.
		if err := value.Validate(cue.Concrete(true)); err != nil {
			return cue.Value{}, newTemplateError("compiling the templates", err, value, imported)
		}
		scope[imported.ImportPath] = value
	}
	for _, file := range instance.Files {
		ast.Walk(file, func(node ast.Node) bool {
			if name, ok := node.(*ast.Ident); ok {
				referToScope(name, instance)
			}
			return true
		}, nil)
	}
	return t.context.Encode(scope), nil
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
