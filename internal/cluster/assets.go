package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// assetsVariable names the folder of existing binaries, as everywhere in the field.
const assetsVariable = "KUBEBUILDER_ASSETS"

// Builder finds the programs of a control plane, compiling them if it must.
type Builder struct {
	// Existing is a folder that has them already; if set, nothing is compiled.
	Existing string
	// Checkout is a folder inside the repository, whose devcluster/ is compiled.
	Checkout string
	// Cache is the folder that compiled programs are kept in.
	Cache string
	// Progress is told each step; nil tells nobody.
	Progress Progress
}

// NewBuilder returns a Builder for the working directory, the user's cache and what
// KUBEBUILDER_ASSETS says.
func NewBuilder(progress Progress) (Builder, error) {
	cache, err := CacheDir()
	if err != nil {
		return Builder{}, err
	}
	return Builder{Existing: os.Getenv(assetsVariable), Checkout: ".", Cache: cache, Progress: progress}, nil
}

// CacheDir is NuFi's folder in the user's cache.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	return filepath.Join(dir, "nufi"), nil
}

// Assets returns the folder that holds a binary, or a link, for each program.
func (b Builder) Assets(ctx context.Context) (string, error) {
	if b.Existing != "" {
		return b.Existing, complete(b.Existing, nil)
	}
	root, err := Checkout(b.Checkout)
	if err != nil {
		return "", fmt.Errorf("%w, which has what to compile: go there, or name existing binaries in %s", err, assetsVariable)
	}
	source := filepath.Join(root, "devcluster")
	s, err := readSource(os.DirFS(source))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", source, err)
	}
	target := filepath.Join(b.Cache, s.key())
	if exists(target) {
		now := time.Now()
		_ = os.Chtimes(target, now, now) // trim wants to know; a cache that cannot be written to is not trimmed
		return target, nil
	}
	return target, b.build(ctx, source, s.version, target)
}

// Checkout returns the repository's root: the folder above dir, or dir, that has devcluster/.
func Checkout(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if exists(filepath.Join(at, "devcluster", "go.mod")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is %w", dir, ErrNoCheckout)
		}
	}
}

// complete says which program is missing from a folder.
func complete(assets string, run []Component) error {
	wanted := append([]Component{Etcd, APIServer, kubectl}, run...)
	for _, name := range wanted {
		if _, err := os.Stat(filepath.Join(assets, string(name))); err != nil {
			return fmt.Errorf("%s has no %s; without %s it is compiled", assets, name, assetsVariable)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
