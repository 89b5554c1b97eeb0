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

// attempts to start on ports that another program takes between choice and use.
const attempts = 3

// Options say what to start.
type Options struct {
	// Dir holds data, credentials and logs. It is created, and is this cluster's alone.
	Dir string
	// Assets is the folder of the programs, as Builder.Assets returns it.
	Assets string
	// CRDs are files of CustomResourceDefinitions to install before anything else runs.
	CRDs []string
	// Run names what runs beside etcd and the API server.
	Run []Component
	// Port of the API server; 0 takes a free one.
	Port int
	// Reset drops the data that an earlier cluster left in Dir.
	Reset bool
	// Progress is told each step; nil tells nobody.
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

// Start returns when the API server is ready and everything else runs. Its context
// limits the start alone: the cluster then runs until Stop.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if err := complete(o.Assets, o.Run); err != nil {
		return nil, err
	}
	lock, err := claim(o.Dir)
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

// start starts everything once, or leaves nothing running.
func start(ctx context.Context, o Options, lock *fileLock) (*Cluster, error) {
	if err := lay(o.Dir, o.Reset); err != nil {
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
	config.QPS = -1 // The API server guards itself.
	c := &Cluster{
		dir: o.Dir, assets: o.Assets, run: o.Run, ports: chosen, config: config,
		children: newChildren(lock), lock: lock,
	}
	if err := c.bringUp(ctx, o.CRDs, o.Progress); err != nil {
		return nil, errors.Join(err, c.children.stopAll())
	}
	return c, nil
}

// bringUp starts the components and waits until the cluster can be used.
func (c *Cluster) bringUp(ctx context.Context, crds []string, progress Progress) error {
	progress.say("starting etcd and kube-apiserver", "")
	if err := c.children.start(c.program(Etcd)); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil {
		return err
	}
	for _, file := range crds {
		progress.say("installing custom resources", filepath.Base(file))
		if err := c.ApplyCRD(ctx, file); err != nil {
			return fmt.Errorf("installing %s: %w", file, err)
		}
	}
	for _, component := range c.run {
		progress.say("starting "+string(component), "")
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
		// No pod can be created in a namespace before its service account.
		return c.await(ctx, "/api/v1/namespaces/default/serviceaccounts/default")
	}
	return nil
}

// StartAPIServer starts the API server on the cluster's port and returns when it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	if err := c.children.start(c.program(APIServer)); err != nil {
		return err
	}
	return c.await(ctx, "/readyz")
}

// StopAPIServer stops the API server alone, as an outage would: data, port and
// credentials stay for StartAPIServer.
func (c *Cluster) StopAPIServer() error { return c.children.stop(APIServer) }

// Launch starts a program of the caller's, which is stopped with the cluster and whose
// own end is the cluster's fault, as that of a component.
func (c *Cluster) Launch(name Component, path string, args ...string) error {
	return c.children.start(program{component: name, path: path, args: args, log: logPath(c.dir, name)})
}

// Stop ends everything and returns when no process is left.
func (c *Cluster) Stop() error {
	return errors.Join(c.children.stopAll(), c.lock.release())
}

// Wait returns nil when ctx is done, or the fault of a component that ended by itself.
func (c *Cluster) Wait(ctx context.Context) error {
	select {
	case <-c.children.failed:
		return c.children.fault
	case <-ctx.Done():
		return nil
	}
}

// RESTConfig is the administrator's access, without client-side rate limits.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// KubeconfigPath is the same access for programs.
func (c *Cluster) KubeconfigPath() string { return kubeconfigPath(c.dir, "") }

// LogPath is where a component writes.
func (c *Cluster) LogPath(component Component) string { return logPath(c.dir, component) }

// PIDs are the ids of the processes that run now.
func (c *Cluster) PIDs() []int { return c.children.pids() }

func (c *Cluster) runs(component Component) bool { return slices.Contains(c.run, component) }
