package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
)

// workloadPackage is where a render starts; it imports the rest.
const workloadPackage = "./schemas/workload"

// Templates is a compiled set of templates. It is immutable, and safe for any number
// of goroutines: one cue.Value serves them all, which CUE allows from v0.17 on.
type Templates struct {
	// Digest identifies the files: "sha256:" and twelve hexadecimal digits.
	Digest string

	// context is of this set alone, so that a replaced set leaves nothing behind.
	context  *cue.Context
	workload cue.Value
	words    words
}

// Compile loads the CUE module at the root of module and builds its templates. It
// reads every file once; what it returns does not depend on module any more.
func Compile(module fs.FS) (*Templates, error) {
	digest, err := Digest(module)
	if err != nil {
		return nil, err
	}
	instances := load.Instances([]string{workloadPackage}, &load.Config{FS: module})
	instance := instances[0]
	if instance.Err != nil {
		return nil, fmt.Errorf("loading the templates: %w", oneLine(instance.Err))
	}
	context := cuecontext.New()
	workload := context.BuildInstance(instance)
	if err := workload.Validate(); err != nil {
		return nil, fmt.Errorf("compiling the templates: %w", oneLine(err))
	}
	// What a template does not refer to, in a package that it imports, is not yet
	// judged: the facts and the policy are held against their schemas here.
	for _, imported := range instance.Imports {
		if err := context.BuildInstance(imported).Validate(cue.Concrete(true)); err != nil {
			return nil, fmt.Errorf("compiling the templates: %w", oneLine(err))
		}
	}
	return &Templates{Digest: digest, context: context, workload: workload, words: wordsOf(instance)}, nil
}

// Digest identifies a set of templates without compiling it: it hashes the path and the
// content of each CUE file, in lexical order.
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
