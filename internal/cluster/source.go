package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
)

// source is what the compiled program follows from.
type source struct {
	version string // of Kubernetes, v1.x.y
	digest  string // of go.mod, go.sum and the Go files
}

// key names the program that is compiled from the source.
func (s source) key() string { return "kube-" + s.version + "-" + s.digest[:12] }

// readSource reads devcluster's module.
func readSource(module fs.FS) (source, error) {
	mod, err := fs.ReadFile(module, "go.mod")
	if err != nil {
		return source{}, err
	}
	version := regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v\S+)`).FindSubmatch(mod)
	if version == nil {
		return source{}, errors.New("go.mod requires no k8s.io/kubernetes")
	}
	sum, err := digest(module)
	return source{version: string(version[1]), digest: sum}, err
}

// digest covers each file's name, length and content, so that no content passes for
// another file.
func digest(module fs.FS) (string, error) {
	files, err := fs.Glob(module, "*.go")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range append(files, "go.mod", "go.sum") {
		content, err := fs.ReadFile(module, name)
		if err != nil {
			return "", err
		}
		if _, err := fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
