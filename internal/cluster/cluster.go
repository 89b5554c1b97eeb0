// Package cluster runs a real Kubernetes control plane on this machine, for `nufi up` and
// for tests.
//
// A Builder finds the programs, or compiles them once from devcluster/ into the user's
// cache. Start locks a directory, chooses free ports, issues credentials from a new
// authority, and starts etcd, kube-apiserver and the components of Options.Run. Stop stops
// them and waits until they have exited.
//
// Invariants:
//   - One cluster per directory. The child processes inherit the locked file, so the lock
//     ends with the last of them and the death of the owner leaves no stale lock.
//   - A build is visible as a whole or not at all: it is compiled into another folder and
//     renamed. A build removes others that have not been used for a week and do not run.
//   - Everything listens on loopback. Every connection verifies certificates, except those
//     to kubelets, which sign their own.
//   - On Linux no child outlives its parent.
//
// The package must not import k8s.io/kubernetes or any other package of NuFi.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/rest"
)

// attempts is how often Start chooses new ports if another program takes one of them.
const attempts = 3

// Options configure Start.
type Options struct {
	// Dir holds data, credentials and logs. It is created and belongs to this cluster.
	Dir string
	// Assets is the folder of the programs, as Builder.Assets returns it.
	Assets string
	// CRDs are files of CustomResourceDefinitions to install before the components start.
	CRDs []string
	// Run lists the components to start in addition to etcd and the API server.
	Run []Component
	// Port is the API server's; 0 chooses a free one.
	Port int
	// Reset deletes the data of an earlier cluster in Dir.
	Reset bool
	// Progress receives each step. It may be nil.
	Progress Progress
}

// Cluster is a running control plane.
type Cluster struct {
	dir, assets string
	run         []Component
	ports       ports
	config      *rest.Config
	children    *children
	lock        *fileLock
}

// Start returns when the API server is ready and all components run. Its context limits
// the start only: the cluster runs until Stop.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if err := checkAssets(o.Assets, o.Run); err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		c, err := start(ctx, o, lock)
		if err == nil {
			return c, nil
		}
		if o.Port != 0 || attempt == attempts || !errors.Is(err, ErrPortInUse) {
			return nil, errors.Join(err, lock.release())
		}
	}
}

// start tries once to start everything. After an error nothing is left running.
func start(ctx context.Context, o Options, lock *fileLock) (*Cluster, error) {
	if err := prepareDir(o.Dir, o.Reset); err != nil {
		return nil, fmt.Errorf("preparing %s: %w", o.Dir, err)
	}
	chosen, err := choosePorts(ctx, o.Port)
	if err != nil {
		return nil, err
	}
	config, err := issueCredentials(o.Dir, chosen.apiServer, time.Now())
	if err != nil {
		return nil, fmt.Errorf("issuing credentials: %w", err)
	}
	config.QPS = -1 // No client-side limit: the API server has priority and fairness.
	c := &Cluster{
		dir: o.Dir, assets: o.Assets, run: o.Run, ports: chosen, config: config,
		children: newChildren(lock), lock: lock,
	}
	if err := c.startComponents(ctx, o.CRDs, o.Progress); err != nil {
		return nil, errors.Join(err, c.children.stopAll())
	}
	return c, nil
}

// startComponents starts the components and waits until the cluster is usable.
func (c *Cluster) startComponents(ctx context.Context, crds []string, progress Progress) error {
	progress.report("starting etcd and kube-apiserver", "")
	if err := c.children.start(c.program(Etcd)); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil {
		return err
	}
	for _, file := range crds {
		progress.report("installing custom resources", filepath.Base(file))
		if err := c.ApplyCRD(ctx, file); err != nil {
			return fmt.Errorf("installing %s: %w", file, err)
		}
	}
	for _, component := range c.run {
		progress.report("starting "+string(component), "")
		if err := c.startComponent(ctx, component); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startComponent(ctx context.Context, component Component) error {
	if component == KWOK {
		if err := c.prepareKWOK(ctx); err != nil {
			return fmt.Errorf("preparing KWOK: %w", err)
		}
	}
	if err := c.children.start(c.program(component)); err != nil {
		return err
	}
	if component == ControllerManager {
		// Pods cannot be created in a namespace before its service account exists.
		return c.awaitPath(ctx, "/api/v1/namespaces/default/serviceaccounts/default")
	}
	return nil
}

// StartAPIServer starts the API server on the cluster's port and returns when it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	if err := c.children.start(c.program(APIServer)); err != nil {
		return err
	}
	return c.awaitPath(ctx, "/readyz")
}

// StopAPIServer stops only the API server, to simulate an outage. StartAPIServer starts it
// with the same data, port and credentials.
func (c *Cluster) StopAPIServer() error { return c.children.stop(APIServer) }

// Launch starts another program. Like a component, it is stopped with the cluster, and its
// unexpected exit fails the cluster.
func (c *Cluster) Launch(name Component, path string, args ...string) error {
	return c.children.start(program{component: name, path: path, args: args, log: logPath(c.dir, name)})
}

// Stop stops all processes and returns when they have exited.
func (c *Cluster) Stop() error {
	return errors.Join(c.children.stopAll(), c.lock.release())
}

// Wait returns nil when ctx is done, or the error of a component that exited by itself.
func (c *Cluster) Wait(ctx context.Context) error {
	select {
	case <-c.children.failed:
		return c.children.err
	case <-ctx.Done():
		return nil
	}
}

// RESTConfig returns the administrator's configuration, without client-side rate limits.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// KubeconfigPath returns the path of the administrator's kubeconfig.
func (c *Cluster) KubeconfigPath() string { return kubeconfigPath(c.dir, "") }

// LogPath returns the path of a component's log.
func (c *Cluster) LogPath(component Component) string { return logPath(c.dir, component) }

// PIDs returns the ids of the running processes.
func (c *Cluster) PIDs() []int { return c.children.pids() }

func (c *Cluster) runs(component Component) bool { return slices.Contains(c.run, component) }
