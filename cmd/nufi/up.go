package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const upLong = `Start a Kubernetes cluster on this machine, with NuFi in it.

The control plane is real: etcd, the API server, the controller-manager and the scheduler.
It is compiled once from Go modules, kept in the user's cache, and listens on loopback.
KWOK simulates the nodes and their NPUs and GPUs: pods are scheduled, get devices and become
ready, but no container runs.

The command runs in the foreground until Ctrl-C, which stops all its processes. The next
start continues with the same data, unless --reset is set. Run the command in a checkout of
the repository. If KUBEBUILDER_ASSETS is set to a folder of binaries, nothing is compiled.`

type upOptions struct {
	dir                      string
	port                     int
	timeout                  time.Duration
	reset                    bool
	noController, noExamples bool
	noAPIServer              bool
	compileOnly, monitoring  bool
	demoRollout              bool
	with                     []string
}

func newUpCommand() *cobra.Command {
	o := upOptions{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster on this machine, with simulated NPU nodes and the examples",
		Long:  upLong,
		Example: `  nufi up
  nufi up --reset --monitoring
  nufi up --demo-rollout
  nufi up --with lws,kuberay,istio,gateway-api
  nufi up --with keda --monitoring`,
		Args:    noArguments,
		PreRunE: func(*cobra.Command, []string) error { return o.check() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd)
			defer stop()
			return runUp(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.dir, "dir", "", "folder for the cluster's data, credentials and logs (default: nufi/up in the user's cache)")
	flags.IntVar(&o.port, "port", 0, "port of the Kubernetes API server (default: a free port)")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to wait for the examples to become ready")
	flags.BoolVar(&o.reset, "reset", false, "delete the data of an earlier run")
	flags.BoolVar(&o.noController, "no-controller", false, "do not run the controller, for example to run it in a debugger")
	flags.BoolVar(&o.noAPIServer, "no-apiserver", false, "do not run NuFi's API server")
	flags.BoolVar(&o.noExamples, "no-examples", false, "do not apply the examples")
	flags.BoolVar(&o.monitoring, "monitoring", false, "run Prometheus and simulated exporters")
	flags.BoolVar(&o.demoRollout, "demo-rollout", false, "show how a bad set of templates fails in its first wave, and is reverted")
	flags.StringSliceVar(&o.with, "with", nil,
		"also run the controllers of these projects, or install their CRDs, and apply their examples: "+strings.Join(cluster.AddonNames(), ", "))
	flags.BoolVar(&o.compileOnly, "compile-only", false, "compile the control plane, print its folder, and exit")
	return cmd
}

// up is one run of the command.
type up struct {
	upOptions
	root   string // the repository's
	steps  *steps
	out    io.Writer
	addons []cluster.BuiltAddon
}

// check returns an error for options that contradict each other, or that no cluster has.
func (o *upOptions) check() error {
	_, err := cluster.ParseAddons(o.with)
	return errors.Join(o.checkMonitoring(), o.checkDemo(), err)
}

// runUp starts everything, prints how to use it, and waits until ctx is done. A cancelled
// ctx is no error after the start has finished, and exit code 130 before.
func runUp(ctx context.Context, o upOptions, out, progress io.Writer) error {
	root, err := cluster.Checkout(".")
	if err != nil {
		return fmt.Errorf("%w: run `nufi up` in a checkout", err)
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
	builder, err := cluster.NewBuilder(u.steps.report)
	if err != nil {
		return err
	}
	assets, err := builder.Assets(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	if err := u.compileAddons(ctx, builder); err != nil {
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
	u.steps.report("stopping", "")
	return errors.Join(interrupted(ctx, err), c.Stop())
}

// start starts the control plane.
func (u *up) start(ctx context.Context, assets string) (*cluster.Cluster, error) {
	crds, err := u.files("bundle/crd/*.yaml", "devcluster/crds/*.yaml")
	if err != nil {
		return nil, err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Dir: u.dir, Port: u.port, Reset: u.reset, Assets: assets, CRDs: crds,
		Run:      []cluster.Component{cluster.ControllerManager, cluster.Scheduler, cluster.KWOK},
		Progress: u.steps.report,
	})
	if err != nil {
		return nil, err
	}
	for _, addon := range u.addons {
		if err := c.StartAddon(ctx, addon, u.steps.report); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	return c, nil
}

// compileAddons compiles the controllers of --with that are not in the cache.
func (u *up) compileAddons(ctx context.Context, builder cluster.Builder) error {
	names, err := cluster.ParseAddons(u.with)
	if err != nil {
		return err
	}
	for _, name := range names {
		addon, err := builder.Addon(ctx, name)
		if err != nil {
			return err
		}
		u.addons = append(u.addons, addon)
	}
	return nil
}

// serve installs NuFi, prints the summary, and waits until ctx is done or a program exits.
func (u *up) serve(ctx context.Context, c *cluster.Cluster) error {
	kube, err := newUpClient(c.RESTConfig())
	if err != nil {
		return err
	}
	s, err := u.install(ctx, c, kube)
	if err != nil {
		return err
	}
	u.steps.end()
	if err := s.complete(ctx, c, kube); err != nil {
		return err
	}
	if err := s.print(u.out); err != nil {
		return err
	}
	if u.demoRollout {
		if err := u.runDemo(ctx, kube); err != nil {
			return err
		}
	}
	return c.Wait(ctx)
}

// install adds the nodes, starts NuFi's programs, and applies the examples.
func (u *up) install(ctx context.Context, c *cluster.Cluster, kube client.Client) (s summary, err error) {
	u.steps.report("adding simulated nodes", "")
	if err := c.AddNodes(ctx, simulatedNodes()...); err != nil {
		return s, err
	}
	if u.monitoring { // The controller and Prometheus query each other.
		if s.Prometheus, err = freeURL(ctx); err != nil {
			return s, err
		}
	}
	templates, err := u.prepareTemplates(s.Prometheus)
	if err != nil {
		return s, fmt.Errorf("writing the templates: %w", err)
	}
	if !u.noController {
		if s.Metrics, err = u.runController(ctx, c, s.Prometheus, templates); err != nil {
			return s, err
		}
	}
	if u.monitoring {
		if err := u.runMonitoring(ctx, c, kube, s); err != nil {
			return s, err
		}
	}
	if !u.noAPIServer {
		if s.API, err = u.runAPIServer(ctx, c, kube, s.Prometheus, templates); err != nil {
			return s, err
		}
	}
	if !u.noExamples {
		s.NotReady, err = u.runExamples(ctx, c, kube)
	}
	return s, err
}

// runExamples applies the examples. If a controller runs, it waits until they are ready, and returns a line for each
// that is not.
func (u *up) runExamples(ctx context.Context, c *cluster.Cluster, kube client.Client) (notReady []string, err error) {
	examples, err := u.applyExamples(ctx, c, kube)
	if err == nil && !u.noController {
		notReady, err = u.awaitReady(ctx, kube, examples)
	}
	return notReady, err
}

// simulatedNodes returns the nodes of the cluster. All examples fit, however they are placed. The nodes are
// few, so that a user soon sees NoFreeDevice.
func simulatedNodes() []cluster.Node {
	return []cluster.Node{
		atomNode("atom-0"),
		atomNode("atom-1"),
		atomNode("atom-2"),
		deviceNode("x330-0", "sapeon.com/snx3"),
		deviceNode("gpu-0", "nvidia.com/gpu"),
		deviceNode("gpu-1", "nvidia.com/gpu"),
		deviceNode("gpu-2", "nvidia.com/gpu"),
	}
}

// atomNode returns a node with ATOMs, labelled as Rebellions' feature discovery does.
func atomNode(name string) cluster.Node {
	return cluster.Node{
		Name:    name,
		Devices: map[corev1.ResourceName]string{"rebellions.ai/npu": "16"},
		Labels:  map[string]string{"rebellions.ai/npu.family": "ATOM"},
	}
}

func deviceNode(name string, device corev1.ResourceName) cluster.Node {
	return cluster.Node{Name: name, Devices: map[corev1.ResourceName]string{device: "8"}}
}

// newUpClient returns a client for the kinds of Kubernetes and NuFi.
func newUpClient(config *rest.Config) (client.Client, error) {
	kinds := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(kinds), v1.AddToScheme(kinds)); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: kinds})
}

// files returns the repository's files that match the patterns.
func (u *up) files(patterns ...string) ([]string, error) {
	var files []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(filepath.Join(u.root, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, matches...)
	}
	return files, nil
}

// interrupted replaces the error of a start that the user interrupted with exit code 130.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &exitError{code: 130}
	}
	return err
}
