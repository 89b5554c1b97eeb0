package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// establishLimit is how long the API server may take to serve a new kind.
const establishLimit = time.Minute

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
	ctx, cancel := context.WithTimeout(ctx, establishLimit)
	defer cancel()
	var last error
	err := c.until(ctx, func(ctx context.Context) (bool, error) {
		// One that was just made has no conditions, which kubectl takes for an error.
		_, last = c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=5s", "-f", file)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}
