package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New()

// The test binary is its own child: see templates.JudgeCommand.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == templates.ValidateCommand {
		os.Exit(templates.ValidateMain(os.Stdin, os.Stdout))
	}
	os.Exit(control.Run(m))
}

func TestFlagsThatWouldOpenTheServerAreRefused(t *testing.T) {
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

func TestTheServerServesWhoeverItIsStartedForAndStops(t *testing.T) {
	t.Parallel()
	address, ops := freeAddress(t), freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := newCommand(run)
	command.SetArgs([]string{
		"--kubeconfig=" + control.Cluster(t).KubeconfigPath(), "--dev-auth=ann", "--drain=0s",
		"--bind-address=" + address, "--metrics-bind-address=" + ops,
		"--prometheus=http://" + freeAddress(t), // Nobody answers there.
	})
	ended := make(chan error, 1)
	go func() { ended <- command.ExecuteContext(ctx) }()
	await(t, "http://"+ops+"/readyz")

	var me struct{ Name string }
	if err := json.Unmarshal(read(t, "http://"+address+"/api/v1/me"), &me); err != nil || me.Name != "ann" {
		t.Errorf("the server knows %q: %v", me.Name, err)
	}
	var devices struct{ Metrics struct{ State string } }
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		text, err := fetch(ctx, "http://"+address+"/api/v1/devices")
		return err == nil && json.Unmarshal(text, &devices) == nil && devices.Metrics.State == "Read", nil
	})
	if err != nil {
		t.Errorf("the devices' metrics are %+v: %v", devices.Metrics, err)
	}
	if text := string(read(t, "http://"+ops+"/metrics")); !strings.Contains(text, `nufi_apiserver_requests_total{code="200",method="GET",route="/api/v1/me"} 1`) {
		t.Errorf("the metrics are %s", text)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Load balancers send requests until they have learnt of the end.
func TestWhileItDrainsTheServerHearsOfTheCluster(t *testing.T) {
	t.Parallel()
	kubectl := func(args ...string) {
		t.Helper()
		if _, err := control.Cluster(t).Kubectl(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	kubectl("create", "clusterrolebinding", "drain", "--clusterrole=cluster-admin", "--user=drain")
	address, ops := freeAddress(t), freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := newCommand(run)
	command.SetArgs([]string{
		"--kubeconfig=" + control.Cluster(t).KubeconfigPath(), "--dev-auth=drain", "--drain=5s",
		"--bind-address=" + address, "--metrics-bind-address=" + ops,
	})
	ended := make(chan error, 1)
	go func() { ended <- command.ExecuteContext(ctx) }()
	await(t, "http://"+ops+"/readyz")
	await(t, "http://"+address+"/api/v1/namespaces/default/npudeploys")
	cancel()
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := fetch(ctx, "http://"+ops+"/readyz")
		return err != nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	kubectl("create", "namespace", "drain")
	file := filepath.Join(t.TempDir(), "a.yaml")
	text := "{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: a, namespace: drain}, spec: {model: a/b}}"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl("create", "-f", file)
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		text, err := fetch(ctx, "http://"+address+"/api/v1/namespaces/drain/npudeploys")
		return strings.Contains(string(text), `"name":"a"`), err
	})
	if err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func await(t *testing.T, url string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		_, err := fetch(ctx, url)
		return err == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, url string) []byte {
	t.Helper()
	text, err := fetch(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}
