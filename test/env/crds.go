package env

import (
	"path/filepath"

	"github.com/dudaji/nufi/internal/cluster"
)

// manifests returns the YAML files in folders of the repository.
func manifests(folders []string) ([]string, error) {
	root, err := cluster.Checkout(".")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}
