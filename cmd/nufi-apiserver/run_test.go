package main

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/harness"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	harness.Main(m)
}

func TestUnsafeFlagsAreRejected(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--dev-auth=ann": "--dev-auth requires a loopback address",
		"--dev-auth=ann --bind-address=0.0.0.0:1":                      "--dev-auth requires a loopback address",
		"--tls-cert-file=a":                                            "go together",
		"--login-redirect-url=https://a/login/callback":                "requires --oidc-issuer-url",
		"--login-redirect-url=https://a/b --oidc-issuer-url=https://i": "--session-keys-file",
		"argument": "unknown command",
	} {
		command := newCommand(func(context.Context, flags) error { return nil })
		command.SetArgs(strings.Fields(args))
		if err := command.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
	command := newCommand(func(context.Context, flags) error { return nil })
	command.SetArgs([]string{"--dev-auth=ann", "--bind-address=127.0.0.1:0"})
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Error(err)
	}
}

// serverProcess is a server that runs in this process until stop.
type serverProcess struct {
	url, metricsURL string
	// stop returns the server's error.
	stop func() error
	// cancel starts to stop it.
	cancel context.CancelFunc
}

// start runs the server and waits until it is ready.
func start(h *harness.Harness, args ...string) serverProcess {
	h.Helper()
	p := launch(h, h.Cluster().KubeconfigPath(), args...)
	h.AwaitURL(p.metricsURL+"/readyz", "")
	return p
}

// launch runs the server.
func launch(h *harness.Harness, kubeconfig string, args ...string) serverProcess {
	h.Helper()
	clients, ops := harness.Listen(h), harness.Listen(h)
	address, metricsAddress := clients.Addr().String(), ops.Addr().String()
	listeners := map[string]net.Listener{address: clients, metricsAddress: ops}
	ctx, cancel := context.WithCancel(h.Context())
	command := newCommand(func(ctx context.Context, f flags) error {
		return run(ctx, f, func(_ context.Context, address string) (net.Listener, error) { return listeners[address], nil })
	})
	command.SetArgs(append([]string{
		"--kubeconfig=" + kubeconfig, "--bind-address=" + address, "--metrics-bind-address=" + metricsAddress,
	}, args...))
	ended := make(chan error, 1)
	go func() {
		err := command.ExecuteContext(ctx)
		_, _ = clients.Close(), ops.Close() // A test that still connects would wait otherwise.
		ended <- err
	}()
	h.Cleanup(cancel)
	p := serverProcess{url: "http://" + address, metricsURL: "http://" + metricsAddress, cancel: cancel}
	p.stop = func() error {
		cancel()
		return <-ended
	}
	return p
}

func TestServerServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	p := start(h, "--dev-auth=ann", "--drain=0s", "--prometheus=http://127.0.0.1:1") // Nothing listens there.
	h.AwaitURL(p.url+"/api/v1/me", `"name":"ann"`)
	h.AwaitURL(p.url+"/api/v1/devices", `"state":"Read"`)
	h.AwaitURL(p.metricsURL+"/metrics", `nufi_apiserver_requests_total{code="200",method="GET",route="/api/v1/me"} 1`)
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := harness.Fetch(t.Context(), p.url+"/api/v1/me"); err == nil {
		t.Error("a stopped server answers")
	}
}

// While it drains, load balancers send requests until they observe that it is not ready.
func TestDrainingServerFollowsTheCluster(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	h.Bind("cluster-admin", "", "drain")
	p := start(h, "--dev-auth=drain", "--drain=5s")
	h.AwaitURL(p.url+"/api/v1/namespaces/default/npudeploys", "")
	p.cancel()
	h.Await("the server to be unready", func() bool {
		_, err := harness.Fetch(t.Context(), p.metricsURL+"/readyz")
		return err != nil
	})
	h.Apply("{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: a}, spec: {model: a/b}}")
	h.AwaitURL(p.url+"/api/v1/namespaces/"+h.Namespace+"/npudeploys", `"name":"a"`)
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestServerStartsWhileKubernetesIsUnreachable(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	kubeconfig, err := clientcmd.LoadFromFile(h.Cluster().KubeconfigPath())
	h.Must(err)
	cluster := kubeconfig.Clusters[kubeconfig.Contexts[kubeconfig.CurrentContext].Cluster]
	target, listener := strings.TrimPrefix(cluster.Server, "https://"), harness.Listen(h)
	cluster.Server = "https://" + listener.Addr().String()
	var isReachable atomic.Bool
	go forward(h.Context(), listener, target, &isReachable)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	h.Must(clientcmd.WriteToFile(*kubeconfig, file))
	p := launch(h, file, "--dev-auth=ann", "--drain=0s")
	h.AwaitURL(p.metricsURL+"/healthz", "")
	if _, err := harness.Fetch(t.Context(), p.metricsURL+"/readyz"); err == nil {
		t.Error("the server is ready without Kubernetes")
	}
	isReachable.Store(true)
	h.AwaitURL(p.metricsURL+"/readyz", "")
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// forward forwards the connections of a listener while the target is reachable, and closes others at once.
func forward(ctx context.Context, listener net.Listener, target string, isReachable *atomic.Bool) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = client.Close() }()
			if !isReachable.Load() {
				return
			}
			server, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
			if err != nil {
				return
			}
			defer func() { _ = server.Close() }()
			go func() { _, _ = io.Copy(server, client) }()
			_, _ = io.Copy(client, server)
		}()
	}
}
