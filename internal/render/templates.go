package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
)

// The packages that are compiled; they import the others.
const (
	workloadPackage  = "./schemas/workload"
	projectPackage   = "./schemas/project"
	cataloguePackage = "./schemas/catalogue"
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

	// context belongs to this set only, so that a replaced set is freed.
	context           *cue.Context
	workload, project *engine
	words             words
}

// Compile loads the CUE module at the root of module and builds its templates. It reads
// every file once.
func Compile(module fs.FS) (*Templates, error) {
	digest, err := Digest(module)
	if err != nil {
		return nil, err
	}
	t := &Templates{Digest: digest, Module: module, context: cuecontext.New(), words: words{}}
	// A set is self-contained: its dependencies are never downloaded.
	config := &load.Config{FS: module, Env: []string{"CUE_REGISTRY=none"}}
	instances := load.Instances([]string{workloadPackage, projectPackage, cataloguePackage}, config)
	if t.workload, err = t.compile(instances[0], fieldDeploy); err != nil {
		return nil, err
	}
	if t.project, err = t.compile(instances[1], fieldProject); err != nil {
		return nil, err
	}
	return t, t.readCatalogue(instances[2])
}

func (t *Templates) compile(instance *build.Instance, input string) (*engine, error) {
	if instance.Err != nil {
		return nil, newTemplateError("loading the templates", instance.Err, cue.Value{}, instance)
	}
	t.words.add(instance)
	imports, err := t.evaluateImports(instance)
	if err != nil {
		return nil, err
	}
	value := t.context.BuildInstance(instance, cue.Scope(imports))
	if err := value.Validate(); err != nil {
		return nil, newTemplateError("compiling the templates", err, value, instance)
	}
	return &engine{context: t.context, value: value, input: input, importPath: instance.ID(), loops: newLoops(instance)}, nil
}

// Digest returns the digest of a set of templates without compiling it: a hash of the path
// and the content of each CUE file, in lexical order.
func Digest(module fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".cue" {
			return err
		}
		content, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading the templates: %w", err)
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil))[:12], nil
}
