package render

import (
	"path"
	"slices"
	"strconv"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

// packages are the packages that templates import. Each is evaluated once. Without this, CUE would evaluate policy,
// the accelerators and the contract again in each render, and in each package that imports them.
type packages struct {
	context   *cue.Context
	values    map[*build.Instance]cue.Value
	constants map[*build.Instance]cue.Value // see withConstants
}

func newPackages(context *cue.Context) *packages {
	return &packages{context, map[*build.Instance]cue.Value{}, map[*build.Instance]cue.Value{}}
}

// scope evaluates the packages that instance imports, and returns them as the scope to build it in.
func (p *packages) scope(instance *build.Instance) (map[string]cue.Value, error) {
	scope := map[string]cue.Value{}
	for _, imported := range instance.Imports {
		value, err := p.evaluate(imported)
		if err != nil {
			return nil, err
		}
		scope[imported.ImportPath] = value
	}
	if constants, ok := p.constants[instance]; ok {
		scope[instance.ImportPath] = constants
	}
	referToScope(instance)
	return scope, nil
}

// withImports returns packages and all that they import, each once.
func withImports(instances ...*build.Instance) []*build.Instance {
	all := slices.Clone(instances)
	for i := 0; i < len(all); i++ { // It grows.
		for _, imported := range all[i].Imports {
			if !slices.Contains(all, imported) {
				all = append(all, imported)
			}
		}
	}
	return all
}

func (p *packages) evaluate(instance *build.Instance) (cue.Value, error) {
	if value, ok := p.values[instance]; ok {
		return value, nil
	}
	scope, err := p.scope(instance)
	if err != nil {
		return cue.Value{}, err
	}
	value := p.build(instance, scope)
	// CUE does not validate values of imports that no template refers to.
	if err := value.Validate(cue.Concrete(true)); err != nil {
		return cue.Value{}, newTemplateError("compiling the templates", err, value, instance)
	}
	p.values[instance] = value
	return value, nil
}

func (p *packages) build(instance *build.Instance, scope map[string]cue.Value) cue.Value {
	return p.context.BuildInstance(instance, cue.Scope(p.context.Encode(scope)))
}

// replaceContract builds the contract without its messages in a scope that has it.
func (p *packages) replaceContract(scope map[string]cue.Value, instance *build.Instance) {
	for _, imported := range instance.Imports {
		if path.Base(imported.Dir) == path.Base(contractPackage) {
			scope[imported.ImportPath] = p.context.BuildInstance(withoutMessages(imported))
		}
	}
}

// referToScope turns references to imported packages into unbound identifiers, which CUE resolves in the scope, and
// removes their imports. CUE's own packages have no instance and stay imported.
func referToScope(instance *build.Instance) {
	for _, file := range instance.Files {
		ast.Walk(file, func(node ast.Node) bool {
			if name, ok := node.(*ast.Ident); ok {
				if spec, ok := name.Node.(*ast.ImportSpec); ok {
					if imported := importedBy(spec, instance); imported != nil {
						name.Name, name.Node = imported.ImportPath, nil
					}
				}
			}
			return true
		}, nil)
		for _, decl := range file.Decls {
			if imports, ok := decl.(*ast.ImportDecl); ok {
				imports.Specs = slices.DeleteFunc(imports.Specs, func(spec *ast.ImportSpec) bool { return importedBy(spec, instance) != nil })
			}
		}
	}
}

// importedBy returns the imported package, or nil if it is one of CUE's own.
func importedBy(spec *ast.ImportSpec, instance *build.Instance) *build.Instance {
	info, err := astutil.ParseImportSpec(spec)
	if err != nil {
		return nil
	}
	return instance.LookupImport(info.ID)
}

// withoutMessages returns instance without the alternatives error("...") of its constraints, and with !="" for
// strings.MinRunes(1). This does not change what a constraint accepts, but CUE tries each alternative of each value,
// and a call takes 3 KB. The files of instance are modified, so that it must be built before.
func withoutMessages(instance *build.Instance) *build.Instance {
	plain := build.NewContext().NewInstance(instance.Dir, nil)
	plain.PkgName = instance.PkgName
	for _, file := range instance.Files {
		file, _ := astutil.Apply(file, nil, func(cursor astutil.Cursor) bool {
			switch node := cursor.Node().(type) {
			case *ast.BinaryExpr:
				if node.Op == token.OR && isMessage(node.Y) {
					cursor.Replace(node.X)
				}
			case *ast.CallExpr:
				if text, err := format.Node(node); err == nil && string(text) == "strings.MinRunes(1)" {
					cursor.Replace(&ast.UnaryExpr{Op: token.NEQ, X: ast.NewString("")})
				}
			}
			return true
		}).(*ast.File)
		removeUnused(file, "strings")
		plain.Files = append(plain.Files, file)
	}
	return plain
}

// removeUnused removes the import of a package that the file does not use any more, which CUE rejects.
func removeUnused(file *ast.File, imported string) {
	isUsed := false
	ast.Walk(file, func(node ast.Node) bool {
		name, ok := node.(*ast.Ident)
		isUsed = isUsed || ok && name.Name == imported
		return !isUsed
	}, nil)
	for _, decl := range file.Decls {
		if imports, ok := decl.(*ast.ImportDecl); ok && !isUsed {
			imports.Specs = slices.DeleteFunc(imports.Specs, func(spec *ast.ImportSpec) bool { return spec.Name == nil && spec.Path.Value == strconv.Quote(imported) })
		}
	}
}

func isMessage(expression ast.Expr) bool {
	call, ok := expression.(*ast.CallExpr)
	if !ok {
		return false
	}
	function, ok := call.Fun.(*ast.Ident)
	return ok && function.Name == "error"
}
