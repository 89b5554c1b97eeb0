// Package env gives a package of tests a real API server of its own: started by the
// first test that asks for it, stopped when the last has run.
//
// A package uses it like this:
//
//	var control = env.New(env.Workloads()) // without options: etcd and the API server alone
//
//	func TestMain(m *testing.M) { os.Exit(control.Run(m)) }
//
//	func TestSomethingIsWritten(t *testing.T) {
//		t.Parallel()
//		cfg := control.Config(t)      // *rest.Config of an administrator, CRDs of bundle/crd installed
//		ns := control.Namespace(t)    // fresh, deleted after the test
//		...
//	}
//
// Every test has a namespace to itself, so all of them run in parallel. A test that
// stops the API server (control.Cluster(t).StopAPIServer) disturbs the others: it
// takes an Env of its own, in a test package of its own.
//
// With -short the tests that ask for a control plane are skipped, and say so. Without,
// they fail in one line if there can be none. The first run on a machine compiles the
// control plane, which takes minutes: give `go test` a -timeout, or run `nufi up` once.
package env

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/internal/cluster"
)

// startLimit is how long a start may take that has nothing to compile, and much more.
const startLimit = 2 * time.Minute

// Env is the control plane that the tests of one package share.
type Env struct {
	run  []cluster.Component
	crds []string // folders of the repository

	once    sync.Once
	dir     string
	cluster *cluster.Cluster
	err     error
}

// Option adds to what an Env runs.
type Option func(*Env)

// Workloads has pods made, scheduled and run: by the controller-manager, the scheduler
// and, on simulated nodes (see Nodes), KWOK.
func Workloads() Option {
	return func(e *Env) {
		e.run = append(e.run, cluster.ControllerManager, cluster.Scheduler, cluster.KWOK)
	}
}

// ControllerManager has Deployments and the like turned into pods, which stay pending.
func ControllerManager() Option {
	return func(e *Env) { e.run = append(e.run, cluster.ControllerManager) }
}

// Routes installs the kinds of other projects that a deployment may yield: Istio's
// VirtualService, Gateway API's HTTPRoute and Prometheus' PodMonitor, as CRDs without
// schema. With Workloads, every HTTPRoute is accepted by a simulated gateway.
func Routes() Option {
	return func(e *Env) { e.crds = append(e.crds, "devcluster/crds") }
}

// New returns an Env; nothing runs before a test asks for it.
func New(options ...Option) *Env {
	e := &Env{crds: []string{"bundle/crd"}}
	for _, option := range options {
		option(e)
	}
	return e
}

// Run runs the package's tests and stops what they started. It returns the exit code.
func (e *Env) Run(m *testing.M) int {
	code := m.Run()
	if err := e.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
		return 1
	}
	return code
}

// Cluster returns the control plane, starting it for the first test that asks.
func (e *Env) Cluster(tb testing.TB) *cluster.Cluster {
	tb.Helper()
	if testing.Short() {
		tb.Skip("a control plane is not started with -short")
	}
	e.once.Do(func() { e.err = e.start(context.WithoutCancel(tb.Context())) })
	if e.err != nil {
		tb.Fatal("no control plane: ", e.err)
	}
	return e.cluster
}

// Config returns the administrator's access to the control plane.
func (e *Env) Config(tb testing.TB) *rest.Config {
	tb.Helper()
	return e.Cluster(tb).RESTConfig()
}

// Nodes adds simulated nodes, which takes Workloads. They are shared: a test that counts
// devices gives its nodes a label of its own, and its pods the selector. A pod annotated
// nufi.test/status: manual gets a node and nothing more: the test writes its status.
func (e *Env) Nodes(t *testing.T, nodes ...cluster.Node) {
	t.Helper()
	if err := e.Cluster(t).AddNodes(t.Context(), nodes...); err != nil {
		t.Fatal(err)
	}
}

func (e *Env) start(ctx context.Context) error {
	builder, err := cluster.NewBuilder(Announce(os.Stderr))
	if err != nil {
		return err
	}
	assets, err := builder.Assets(ctx)
	if err != nil {
		return err
	}
	crds, err := manifests(e.crds)
	if err != nil {
		return err
	}
	if e.dir, err = os.MkdirTemp("", "nufi-test-"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	e.cluster, err = cluster.Start(ctx, cluster.Options{Dir: e.dir, Assets: assets, CRDs: crds, Run: e.run})
	return err
}

// stop leaves neither a process nor a file. A log of a failed start is in its error.
func (e *Env) stop() error {
	if e.cluster != nil {
		if err := e.cluster.Stop(); err != nil {
			return err
		}
	}
	return os.RemoveAll(e.dir)
}

// Announce writes a line for each step: a test that compiles for minutes says so.
func Announce(w io.Writer) cluster.Progress {
	last := ""
	return func(step, _ string) {
		if step != last {
			_, _ = fmt.Fprintln(w, step, "...")
		}
		last = step
	}
}
