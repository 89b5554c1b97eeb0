package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
	"k8s.io/utils/lru"

	"github.com/dudaji/nufi"
)

// The packages that are compiled; they import the others.
const (
	workloadPackage  = "./schemas/workload"
	projectPackage   = "./schemas/project"
	cataloguePackage = "./schemas/catalogue"
	contractPackage  = "./schemas/npudeploy"
)

// Templates is a compiled set of templates. It is immutable and safe for concurrent use: all
// goroutines share one cue.Value, which CUE allows since v0.17.
type Templates struct {
	// Digest identifies the files: "sha256:" and twelve hexadecimal digits.
	Digest string
	// Module is the source, so that another process can compile it.
	Module fs.FS
	// Catalogue is shared and must not be modified.
	Catalogue *Catalogue
	// Ignored has a violation for each file that has no effect, although nothing in it says so.
	Ignored []Violation

	// context belongs to this set only, so that a replaced set is freed, or to those that are compared with it.
	context           *cue.Context
	workload, project *engine
	words             words
	// shares is true for the templates in this program, whose tests show that they decide nothing by an open field.
	shares      bool
	shared      *lru.Cache // *sharedRender by sharedKey, nil for a spec that was rendered once
	explainable func() (*Templates, error)
}

// Compile loads the CUE module at the root of module and builds its templates.
func Compile(module fs.FS) (*Templates, error) {
	return compileIn(cuecontext.New(), module, false)
}

// CompileBeside compiles another set in the same context, as CompareEvaluations requires. Both are freed together.
func (t *Templates) CompileBeside(module fs.FS) (*Templates, error) {
	return compileIn(t.context, module, false)
}

// CompileExplainable is Compile with all that Explain follows, which takes twice the memory.
func CompileExplainable(module fs.FS) (*Templates, error) {
	return compileIn(cuecontext.New(), module, true)
}

// Explainable returns the same set of CompileExplainable, which is compiled once.
func (t *Templates) Explainable() (*Templates, error) { return t.explainable() }

func compileIn(context *cue.Context, module fs.FS, isExplainable bool) (*Templates, error) {
	digest, withoutPolicy, err := digests(module)
	if err != nil {
		return nil, err
	}
	own, err := builtIn()
	if err != nil {
		return nil, err
	}
	t := &Templates{shares: withoutPolicy == own, Digest: digest, Module: module, context: context, words: words{}, shared: lru.New(maxShared)}
	t.explainable = sync.OnceValues(func() (*Templates, error) { return CompileExplainable(module) })
	instances := load.Instances([]string{workloadPackage, projectPackage, cataloguePackage}, loadConfig(module))
	imports, usesConstants := newPackages(context), t.shares && !isExplainable
	if usesConstants {
		imports = newPackages(cuecontext.New())
	}
	if err := t.evaluateImports(instances, imports); err != nil {
		return nil, err
	}
	if usesConstants && !imports.havePlainPolicy() {
		return compileIn(context, module, true)
	}
	t.Ignored = ignored(instances)
	evaluated := imports
	if usesConstants {
		evaluated = imports.withConstants(context)
	}
	if t.workload, err = t.compile(instances[0], fieldDeploy, evaluated); err != nil {
		return nil, err
	}
	t.workload.openContract = openContractOf(t.workload.value)
	if t.project, err = t.compile(instances[1], fieldProject, evaluated); err != nil {
		return nil, err
	}
	return t, t.readCatalogue(instances[2], imports)
}

// loadConfig is that of a self-contained module: its dependencies are never downloaded.
func loadConfig(module fs.FS) *load.Config {
	return &load.Config{FS: module, Env: []string{"CUE_REGISTRY=none"}}
}

// evaluateImports evaluates what the packages import, and collects its words.
func (t *Templates) evaluateImports(instances []*build.Instance, imports *packages) error {
	for _, instance := range instances {
		if instance.Err != nil {
			return newTemplateError("loading the templates", instance.Err, cue.Value{}, instance)
		}
	}
	t.words.add(instances...) // Before an evaluation removes imports.
	for _, instance := range instances {
		if _, err := imports.scope(instance); err != nil {
			return err
		}
	}
	for _, value := range imports.values {
		t.words.addNames(value)
	}
	return nil
}

func (t *Templates) compile(instance *build.Instance, input string, imports *packages) (*engine, error) {
	scope, err := imports.scope(instance)
	if err != nil {
		return nil, err
	}
	worded := t.context.Encode(scope)
	e := &engine{context: t.context, input: input, importPath: instance.ID(), hasConstants: len(imports.constants) > 0}
	if !e.hasConstants {
		e.loops = newLoops(instance)
	}
	if input == fieldDeploy { // Others have the contract in the package itself.
		imports.replaceContract(scope, instance)
	}
	e.value = imports.build(instance, scope)
	if err := e.value.Validate(); err != nil {
		return nil, newTemplateError("compiling the templates", err, e.value, instance)
	}
	e.worded = e.value
	declarations := &ast.StructLit{Elts: declarationsOf(instance, input)}
	if worded := t.context.BuildExpr(declarations, cue.Scope(worded)); worded.Err() == nil && lookupElement(worded, input).Exists() {
		e.worded = worded
	}
	return e, nil
}

// declarationsOf returns the declarations of a field of a package.
func declarationsOf(instance *build.Instance, field string) []ast.Decl {
	var found []ast.Decl
	for _, file := range instance.Files {
		for _, decl := range file.Decls {
			if declared, ok := decl.(*ast.Field); ok {
				if name, _, _ := ast.LabelName(declared.Label); name == field {
					found = append(found, decl)
				}
			}
		}
	}
	return found
}

// Digest returns the digest of a set of templates without compiling it: a hash of the path
// and the content of each CUE file, in lexical order.
func Digest(module fs.FS) (string, error) {
	digest, _, err := digests(module)
	return digest, err
}

// policyFile has the choices of the platform team.
const policyFile = "schemas/policy/policy.cue"

// digests returns the digest of all files, and that of all but the policy.
func digests(module fs.FS) (all, withoutPolicy string, err error) {
	complete, rest := sha256.New(), sha256.New()
	err = fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".cue" {
			return err
		}
		content, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		into := io.MultiWriter(complete, rest)
		if name == policyFile {
			into = complete
		}
		_, err = fmt.Fprintf(into, "%s %d\n%s", name, len(content), content)
		return err
	})
	if err != nil {
		return "", "", fmt.Errorf("reading the templates: %w", err)
	}
	return shortDigest(complete), shortDigest(rest), nil
}

func shortDigest(of hash.Hash) string { return "sha256:" + hex.EncodeToString(of.Sum(nil))[:12] }

// builtIn is the digest of the templates in this program without the policy.
var builtIn = sync.OnceValues(func() (string, error) { //nolint:gochecknoglobals // It is a constant.
	_, withoutPolicy, err := digests(nufi.Module())
	return withoutPolicy, err
})
