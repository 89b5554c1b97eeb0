package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// assetsVariable names a folder of existing binaries, as in controller-runtime's envtest.
const assetsVariable = "KUBEBUILDER_ASSETS"

// Builder finds the programs of a control plane, or compiles them.
type Builder struct {
	// Existing is a folder of existing binaries. If set, nothing is compiled.
	Existing string
	// Checkout is a folder inside the repository. Its devcluster/ is compiled.
	Checkout string
	// Cache is the folder for compiled programs.
	Cache string
	// Progress receives each step. It may be nil.
	Progress Progress
}

// NewBuilder returns a Builder for the working directory, the user's cache and
// KUBEBUILDER_ASSETS.
func NewBuilder(progress Progress) (Builder, error) {
	cache, err := CacheDir()
	if err != nil {
		return Builder{}, err
	}
	return Builder{Existing: os.Getenv(assetsVariable), Checkout: ".", Cache: cache, Progress: progress}, nil
}

// CacheDir returns NuFi's folder in the user's cache.
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
		return b.Existing, checkAssets(b.Existing, nil)
	}
	return b.build(ctx, controlPlane())
}

// Kubelet returns the path of the kubelet, which a real node runs.
func (b Builder) Kubelet(ctx context.Context) (string, error) {
	folder := b.Existing
	if folder == "" {
		var err error
		if folder, err = b.build(ctx, kubeletAlone()); err != nil {
			return "", err
		}
	}
	return filepath.Join(folder, kubelet), nil
}

// Checkout returns the repository's root: dir or the closest folder above it that has
// devcluster/. Its error is ErrNoCheckout if there is none.
func Checkout(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for root := dir; ; root = filepath.Dir(root) {
		if exists(filepath.Join(root, "devcluster", "go.mod")) {
			return root, nil
		}
		if root == filepath.Dir(root) {
			return "", fmt.Errorf("%s is %w", dir, ErrNoCheckout)
		}
	}
}

// checkAssets returns an error for the first program that the folder lacks.
func checkAssets(assets string, run []Component) error {
	required := append([]Component{Etcd, APIServer, kubectl}, run...)
	for _, name := range required {
		if _, err := os.Stat(filepath.Join(assets, string(name))); err != nil {
			return fmt.Errorf("%s has no %s: add it, or unset %s to compile the control plane", assets, name, assetsVariable)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
