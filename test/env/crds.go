package env

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/dudaji/nufi/cluster"
)

// installCRDs installs bundle/crd and returns when the API server serves it.
func installCRDs(ctx context.Context, c *cluster.Cluster) error {
	root, err := cluster.Checkout(".")
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, "bundle", "crd", "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := c.ApplyCRD(ctx, file); err != nil {
			return fmt.Errorf("installing %s: %w", file, err)
		}
	}
	return nil
}
