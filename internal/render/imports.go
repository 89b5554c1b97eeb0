package render

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/build"
)

// evaluateImports evaluates the packages that instance imports, once for all renders, and
// is the scope for it to be built in. By itself CUE would evaluate them again in each
// render: policy, the accelerators and the contract.
func (t *Templates) evaluateImports(instance *build.Instance) (cue.Value, error) {
	scope := map[string]cue.Value{}
	for _, imported := range instance.Imports {
		value := t.context.BuildInstance(imported)
		// The facts and the policy are held against their schemas here: CUE does not
		// judge what no template refers to.
		if err := value.Validate(cue.Concrete(true)); err != nil {
			return cue.Value{}, broken("compiling the templates", err)
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

// referToScope makes the name of an imported package, whatever it is called in its file,
// one to look up in the scope: what is bound to nothing is. CUE's own packages have no
// instance and stay imported.
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
