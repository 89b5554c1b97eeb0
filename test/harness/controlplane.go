package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/internal/cluster"
)

// startTimeout limits a start that compiles nothing.
const startTimeout = 2 * time.Minute

// Setup adds to the control plane of a package's tests.
type Setup func(*controlPlane)

// Workloads creates, schedules and runs pods: it adds the controller-manager, the
// scheduler and KWOK, which simulates nodes (see Harness.AddNodes).
func Workloads() Setup {
	return func(p *controlPlane) {
		p.components = append(p.components, cluster.ControllerManager, cluster.Scheduler, cluster.KWOK)
	}
}

// ControllerManager turns Deployments and the like into pods, which stay pending.
func ControllerManager() Setup {
	return func(p *controlPlane) { p.components = append(p.components, cluster.ControllerManager) }
}

// Routes installs other projects' kinds that NuFi writes, as CRDs without a schema:
// Istio's VirtualService, Gateway API's HTTPRoute, Prometheus' PodMonitor and KEDA's ScaledObject. With
// Workloads, a simulated gateway accepts every HTTPRoute.
func Routes() Setup {
	return func(p *controlPlane) { p.crds = append(p.crds, "devcluster/crds") }
}

// With runs the controller of another project, which is compiled once. Its webhooks are installed
// with it.
func With(name cluster.Addon) Setup {
	return func(p *controlPlane) { p.addons = append(p.addons, name) }
}

// controlPlane is what the tests of one process share.
type controlPlane struct {
	components []cluster.Component
	crds       []string // folders of the repository
	addons     []cluster.Addon

	once      sync.Once
	root, dir string
	cluster   *cluster.Cluster
	err       error

	mu        sync.Mutex
	installed map[string]bool // files of the repository
}

// shared is set by Main: a test function has no other way to reach what its TestMain made.
var shared *controlPlane //nolint:gochecknoglobals // As above.

// Main runs the tests of a package, stops the control plane that they started, and exits.
func Main(m *testing.M, setup ...Setup) { os.Exit(Runner(m, setup...).Run()) }

// Runner is Main for a TestMain that exits by itself.
func Runner(m interface{ Run() int }, setup ...Setup) interface{ Run() int } {
	shared = newControlPlane(setup)
	return runner{m, shared}
}

func newControlPlane(setup []Setup) *controlPlane {
	p := &controlPlane{crds: []string{"bundle/crd"}, installed: map[string]bool{}}
	for _, add := range setup {
		add(p)
	}
	return p
}

type runner struct {
	tests interface{ Run() int }
	plane *controlPlane
}

// Run returns the exit code.
func (r runner) Run() int {
	code := r.tests.Run()
	if err := r.plane.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
		return 1
	}
	return code
}

// acquire returns the running control plane, starting it for the first test.
func acquire(tb testing.TB) *controlPlane {
	tb.Helper()
	if shared == nil {
		tb.Fatal("TestMain does not call harness.Main")
	}
	if testing.Short() {
		tb.Skip("a control plane is not started with -short")
	}
	shared.once.Do(func() { shared.err = shared.start(tb.Context()) })
	if shared.err != nil {
		tb.Fatal("no control plane: ", shared.err)
	}
	return shared
}

func (p *controlPlane) start(ctx context.Context) (err error) {
	log.SetLogger(logr.Discard()) // Of controller-runtime, which complains without.
	ctx = context.WithoutCancel(ctx)
	if p.root, err = cluster.Checkout("."); err != nil {
		return err
	}
	crds, err := Manifests(p.root, p.crds...)
	if err != nil {
		return err
	}
	builder, err := cluster.NewBuilder(Progress(os.Stderr))
	if err != nil {
		return err
	}
	assets, err := builder.Assets(ctx)
	if err != nil {
		return err
	}
	var addons []cluster.BuiltAddon
	for _, name := range p.addons {
		addon, err := builder.Addon(ctx, name)
		if err != nil {
			return err
		}
		addons = append(addons, addon)
	}
	if p.dir, err = os.MkdirTemp("", "nufi-test-"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p.cluster, err = cluster.Start(ctx, cluster.Options{Dir: p.dir, Assets: assets, CRDs: crds, Run: p.components})
	for _, addon := range addons {
		if err == nil {
			err = p.cluster.StartAddon(ctx, addon, nil)
		}
	}
	return err
}

// stop leaves neither a process nor a file. The error of a failed start quotes the log.
func (p *controlPlane) stop() error {
	var err error
	if p.cluster != nil {
		err = p.cluster.Stop()
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// Manifests returns the YAML files in folders of the repository at root.
func Manifests(root string, folders ...string) ([]string, error) {
	var files []string
	for _, folder := range folders {
		matches, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
		if err != nil {
			return nil, err
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("%s has no YAML files", folder)
		}
		files = append(files, matches...)
	}
	return files, nil
}

// Progress writes a line for each step of a build or a start, which may take minutes.
func Progress(w io.Writer) cluster.Progress {
	last := ""
	return func(step, _ string) {
		if step != last {
			_, _ = fmt.Fprintln(w, step, "...")
		}
		last = step
	}
}
