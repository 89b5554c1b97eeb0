package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// KubectlPath is the kubectl that fits this cluster.
func (c *Cluster) KubectlPath() string { return filepath.Join(c.assets, kubectl) }

// Kubectl runs kubectl as the administrator and returns what it prints. What it
// complains of is the error.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	verb := args[0]
	args = append([]string{"--kubeconfig=" + c.KubeconfigPath(), "--cache-dir=" + filepath.Join(c.dir, kubectl)}, args...)
	cmd := command(ctx, c.KubectlPath(), args...)
	cmd.Env = append(os.Environ(), "KUBERC=off") // What a user prefers is no business of ours.
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", verb, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Apply server-side applies the manifests of a file.
func (c *Cluster) Apply(ctx context.Context, file string) error {
	_, err := c.Kubectl(ctx, "apply", "--server-side", "--force-conflicts", "-f", file)
	return err
}

// ApplyCRD applies a file of CustomResourceDefinitions and returns when their kinds are served.
func (c *Cluster) ApplyCRD(ctx context.Context, file string) error {
	if err := c.Apply(ctx, file); err != nil {
		return err
	}
	_, err := c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "-f", file)
	return err
}
