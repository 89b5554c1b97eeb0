package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
func readSource(dir string) (source, error) {
	version, err := kubernetesVersion(filepath.Join(dir, "go.mod"))
	if err != nil {
		return source{}, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return source{}, err
	}
	hash := sha256.New()
	for _, path := range append(files, filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")) {
		if err := digest(hash, path); err != nil {
			return source{}, err
		}
	}
	return source{version: version, digest: hex.EncodeToString(hash.Sum(nil))}, nil
}

// digest adds a file's name, length and content, so that no content passes for another file.
func digest(w io.Writer, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s %d\n%s", filepath.Base(path), len(content), content)
	return err
}

func kubernetesVersion(mod string) (string, error) {
	content, err := os.ReadFile(mod)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v\S+)`).FindSubmatch(content)
	if found == nil {
		return "", errors.New("go.mod requires no k8s.io/kubernetes")
	}
	return string(found[1]), nil
}
