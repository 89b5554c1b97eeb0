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

// establishLimit is how long to wait for a CRD to be established.
const establishLimit = time.Minute

// KubectlPath returns the path of the kubectl of this cluster's version.
func (c *Cluster) KubectlPath() string { return filepath.Join(c.assets, kubectl) }

// Kubectl runs kubectl as the administrator and returns its standard output. Its error
// contains the standard error.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	verb := args[0]
	args = append([]string{"--kubeconfig=" + c.KubeconfigPath(), "--cache-dir=" + filepath.Join(c.dir, kubectl)}, args...)
	cmd := command(ctx, c.KubectlPath(), args...)
	cmd.Env = append(os.Environ(), "KUBERC=off") // Ignore the user's preferences.
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

// ApplyCRD applies a file of CustomResourceDefinitions and returns when they are established.
func (c *Cluster) ApplyCRD(ctx context.Context, file string) error {
	if err := c.Apply(ctx, file); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, establishLimit)
	defer cancel()
	var last error
	err := c.poll(ctx, func(ctx context.Context) (bool, error) {
		// kubectl wait fails on a new CRD, which has no conditions yet.
		_, last = c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=5s", "-f", file)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}
