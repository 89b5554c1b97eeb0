package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/internal/cluster"
)

const upLong = `Start a Kubernetes cluster on this machine, with NuFi in it.

The cluster is real: etcd, the API server, the controller-manager and the scheduler,
compiled once from their Go modules and kept in the user's cache, listening on loopback.
Its nodes and their NPUs and GPUs are simulated by KWOK: pods get devices and become
ready, and nothing runs in them.

The command stays in the foreground; Ctrl-C stops all of it and leaves no process. What
the cluster holds is there at the next start, unless --reset. It is run in a checkout of
the repository. If KUBEBUILDER_ASSETS names a folder of binaries, they are used instead.`

type upOptions struct {
	dir                      string
	port                     int
	timeout                  time.Duration
	reset                    bool
	noController, noExamples bool
	noAPIServer              bool
	compileOnly, monitoring  bool
}

func newUpCommand() *cobra.Command {
	o := upOptions{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster on this machine, with simulated NPU nodes and the examples",
		Long:  upLong,
		Example: `  nufi up
  nufi up --reset --monitoring`,
		Args:    noArguments,
		PreRunE: func(*cobra.Command, []string) error { return o.checkMonitoring() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd)
			defer stop()
			return runUp(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.dir, "dir", "", "folder of the cluster's data, credentials and logs (default: nufi/up in the user's cache)")
	flags.IntVar(&o.port, "port", 0, "port of the API server (default: a free one)")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long the examples may take to become ready")
	flags.BoolVar(&o.reset, "reset", false, "start from nothing")
	flags.BoolVar(&o.noController, "no-controller", false, "do not run the controller, to run one's own")
	flags.BoolVar(&o.noAPIServer, "no-apiserver", false, "do not run NuFi's API server")
	flags.BoolVar(&o.noExamples, "no-examples", false, "do not apply the examples")
	flags.BoolVar(&o.monitoring, "monitoring", false, "run Prometheus too, and simulated exporters for the simulated devices")
	flags.BoolVar(&o.compileOnly, "compile-only", false, "compile the control plane, print the folder that has it, and stop")
	return cmd
}

// up is one run of the command.
type up struct {
	upOptions
	root  string // of the repository
	steps *steps
	out   io.Writer
}

// runUp starts everything, says how to use it, and stays until ctx is done: that is
// success, once all is up, and the end of a start that the user broke off.
func runUp(ctx context.Context, o upOptions, out, progress io.Writer) error {
	root, err := cluster.Checkout(".")
	if err != nil {
		return fmt.Errorf("%w, which `up` builds from", err)
	}
	if o.dir == "" {
		cache, err := cluster.CacheDir()
		if err != nil {
			return err
		}
		o.dir = filepath.Join(cache, "up")
	}
	u := &up{upOptions: o, root: root, steps: newSteps(progress, time.Now), out: out}
	defer u.steps.close()
	assets, err := u.assets(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	if u.compileOnly {
		_, err := fmt.Fprintln(out, assets)
		return err
	}
	c, err := u.start(ctx, assets)
	if err != nil {
		return interrupted(ctx, err)
	}
	err = u.serve(ctx, c)
	u.steps.say("stopping", "")
	return errors.Join(interrupted(ctx, err), c.Stop())
}

// assets finds or compiles the control plane.
func (u *up) assets(ctx context.Context) (string, error) {
	builder, err := cluster.NewBuilder(u.steps.say)
	if err != nil {
		return "", err
	}
	return builder.Assets(ctx)
}

// start starts the control plane.
func (u *up) start(ctx context.Context, assets string) (*cluster.Cluster, error) {
	crds, err := u.files("bundle/crd/*.yaml", "devcluster/crds/*.yaml")
	if err != nil {
		return nil, err
	}
	return cluster.Start(ctx, cluster.Options{
		Dir: u.dir, Port: u.port, Reset: u.reset, Assets: assets, CRDs: crds,
		Run:      []cluster.Component{cluster.ControllerManager, cluster.Scheduler, cluster.KWOK},
		Progress: u.steps.say,
	})
}

// serve fills the cluster and stays until ctx is done or something in it ends.
func (u *up) serve(ctx context.Context, c *cluster.Cluster) error {
	kube, err := newUpClient(c.RESTConfig())
	if err != nil {
		return err
	}
	told, err := u.fill(ctx, c, kube)
	if err != nil {
		return err
	}
	u.steps.end()
	if err := told.complete(ctx, c, kube); err != nil {
		return err
	}
	if err := told.print(u.out); err != nil {
		return err
	}
	return c.Wait(ctx)
}

// files returns the files of the repository that the patterns match.
func (u *up) files(patterns ...string) ([]string, error) {
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(u.root, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// interrupted replaces whatever a start that the user broke off ended with.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &exitError{code: 130}
	}
	return err
}
