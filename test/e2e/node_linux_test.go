package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The programs, by the names of their binaries and logs.
const (
	apiServer    = "nufi-apiserver"
	containerd   = "containerd"
	controller   = "nufi-controller"
	devicePlugin = "nufi-deviceplugin"
)

const (
	nodeName = "npu-node-1"
	// timeout bounds each wait. It is generous, because the machine may be loaded.
	timeout = 2 * time.Minute
	// Ports cannot conflict, because the network namespace is private. The plugin's is the bundle's.
	pluginAddress     = "127.0.0.1:9406"
	controllerAddress = "127.0.0.1:8081"
)

// node is a cluster with NuFi and one node, with the node's host.
type node struct {
	// T is that of the current step.
	*testing.T
	folder  string
	cluster *cluster.Cluster
	client  client.Client
	host    host
	kubelet *kubelet
	// failed receives the error of a program that exits by itself.
	failed chan error
}

// newNode starts all programs. They end with the namespaces.
func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{T: t, folder: os.Getenv(folderVariable), failed: make(chan error, 1)}
	n.startCluster()
	go func() { n.failed <- n.cluster.Wait(context.WithoutCancel(t.Context())) }()
	n.startRuntime()
	n.startKubelet()
	n.host = newHost(t, n.path("host"))
	n.installPlugin()
	n.launch(controller,
		"--kubeconfig="+n.cluster.KubeconfigPath(), "--health-probe-bind-address="+controllerAddress)
	n.await(controller, "the controller", func(ctx context.Context) error {
		return get(ctx, "http://"+controllerAddress+"/readyz", nil)
	})
	n.startAPIServer()
	return n
}

func (n *node) startCluster() {
	n.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		n.Fatal(err)
	}
	crds, err := filepath.Glob(filepath.Join(root, "bundle/crd/*.yaml"))
	if err != nil {
		n.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(n.Context(), timeout)
	defer cancel()
	n.cluster, err = cluster.Start(ctx, cluster.Options{
		Dir: n.path("cluster"), Assets: os.Getenv("KUBEBUILDER_ASSETS"), CRDs: crds,
		Run: []cluster.Component{cluster.ControllerManager, cluster.Scheduler},
	})
	if err != nil {
		n.Fatal(err)
	}
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1.AddToScheme} {
		if err := add(kinds); err != nil {
			n.Fatal(err)
		}
	}
	if n.client, err = client.New(n.cluster.RESTConfig(), client.Options{Scheme: kinds}); err != nil {
		n.Fatal(err)
	}
}

// launch starts a program of this repository, which runs until the end.
func (n *node) launch(program string, args ...string) {
	n.Helper()
	if err := n.cluster.Launch(cluster.Component(program), n.path("bin/"+program), args...); err != nil {
		n.Fatal(err)
	}
}

// await waits until check returns no error. On a timeout, the test's failure contains the last error
// and the end of the program's log.
func (n *node) await(program, what string, check func(context.Context) error) {
	n.Helper()
	last := errors.New("not checked")
	err := wait.PollUntilContextTimeout(n.Context(), 100*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-n.failed:
			return false, err
		default:
		}
		if err := check(ctx); err == nil || ctx.Err() == nil { // Keeps the error before the timeout.
			last = err
		}
		return last == nil, nil
	})
	if err != nil {
		n.Fatalf("waiting for %s: %v: %v\nthe log of %s ends:\n%s", what, err, last, program, n.tail(program))
	}
}

func (n *node) tail(program string) string {
	log := n.cluster.LogPath(cluster.Component(program))
	if program == devicePlugin {
		log = n.pluginLog()
	}
	content, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(content), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "")
}

// write writes a file of the node's configuration.
func (n *node) write(name, content string) string {
	n.Helper()
	path := n.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		n.Fatal(err)
	}
	return path
}

// authority returns the file of the cluster's CA certificate.
func (n *node) authority() string {
	n.Helper()
	return n.write("ca.crt", string(n.cluster.RESTConfig().CAData))
}

func (n *node) path(name string) string { return filepath.Join(n.folder, name) }

// run runs a program to its end.
func run(ctx context.Context, program string, args ...string) error {
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}
