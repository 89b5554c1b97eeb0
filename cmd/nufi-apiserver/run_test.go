package main

import (
	"context"
	"strings"
	"testing"

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
		"--dev-auth=ann": "--dev-auth is for one machine",
		"--dev-auth=ann --bind-address=0.0.0.0:1":                      "--dev-auth is for one machine",
		"--tls-cert-file=a":                                            "go together",
		"--login-redirect-url=https://a/login/callback":                "takes --oidc-issuer-url",
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
	address, metricsAddress := harness.FreeAddress(h), harness.FreeAddress(h)
	ctx, cancel := context.WithCancel(h.Context())
	command := newCommand(run)
	command.SetArgs(append([]string{
		"--kubeconfig=" + h.Cluster().KubeconfigPath(), "--bind-address=" + address, "--metrics-bind-address=" + metricsAddress,
	}, args...))
	ended := make(chan error, 1)
	go func() { ended <- command.ExecuteContext(ctx) }()
	h.Cleanup(cancel)
	p := serverProcess{url: "http://" + address, metricsURL: "http://" + metricsAddress, cancel: cancel}
	p.stop = func() error {
		cancel()
		return <-ended
	}
	h.AwaitURL(p.metricsURL+"/readyz", "")
	return p
}

func TestServerServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	p := start(h, "--dev-auth=ann", "--drain=0s", "--prometheus=http://"+harness.FreeAddress(t)) // No Prometheus listens there.
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
