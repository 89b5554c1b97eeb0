package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestUpRunsTheExamplesUntilItIsStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is not started with -short")
	}
	dir := t.TempDir()
	out, progress, stop := startUp(t, upOptions{dir: dir, with: []string{"lws", "kuberay"}}, "Ctrl-C stops everything")
	kubeconfig := filepath.Join(dir, "kubeconfig")
	for _, text := range []string{"NAMESPACE ", "llama-8b ", "qwen-235b ", "vllm-ray-service ", "export KUBECONFIG=" + kubeconfig + "\n"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("output lacks %q: %s", text, out)
		}
	}
	if strings.Contains(out.String(), "not ready: ") {
		t.Errorf("an example is not ready: %s", out)
	}
	if err := getVersion(t, kubeconfig); err != nil {
		t.Error("the Kubernetes API server does not respond: ", err)
	}
	body, err := harness.Fetch(t.Context(), match(t, out.String(), `curl (http://\S+)`))
	if err != nil || !strings.Contains(body, `"llama-8b"`) {
		t.Errorf("NuFi's API server does not list the examples: %v: %s", err, body)
	}
	createDeploy(t, kubeconfig, "broken")
	stop()
	if err := getVersion(t, kubeconfig); err == nil {
		t.Error("the Kubernetes API server responds after the stop")
	}
	for _, step := range []string{"starting etcd and kube-apiserver", "waiting for the examples", "stopping"} {
		if !strings.Contains(progress.String(), "s  "+step+"\n") {
			t.Errorf("progress lacks the step %q: %s", step, progress)
		}
	}

	// It does not wait for what is no example.
	out, _, stop = startUp(t, upOptions{dir: dir, demoRollout: true, with: []string{"lws", "kuberay"}}, "The demonstration has ended")
	for _, text := range []string{
		`api_serve"]`, ": Reverting: ", " failed, 0 are tolerated", "CrashLoop", "NpuDeploys are ready with the earlier templates", "): Halted: ",
		"kubectl describe npudeploy -n default qwen-7b", // not of the broken one
	} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("output lacks %q: %s", text, out)
		}
	}
	if want := "not ready: default/broken: InvalidSpec: "; !strings.Contains(out.String(), want) {
		t.Errorf("output lacks %q: %s", want, out)
	}
	stop()
}

// startUp runs up until it has printed a text. stop ends it.
func startUp(t *testing.T, o upOptions, text string) (out *awaitedOutput, progress *bytes.Buffer, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, progress = &awaitedOutput{text: text, written: make(chan struct{})}, &bytes.Buffer{}
	ended := make(chan error, 1)
	o.timeout = time.Hour
	go func() { ended <- runUp(ctx, o, out, progress) }()
	select {
	case <-out.written:
	case err := <-ended:
		cancel()
		t.Fatal("up returned early: ", err)
	}
	return out, progress, func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error("up returned an error after the stop: ", err)
		}
	}
}

// createDeploy creates an NpuDeploy that no accelerator can run.
func createDeploy(t *testing.T, kubeconfig, name string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	kube, err := newUpClient(config)
	if err != nil {
		t.Fatal(err)
	}
	err = kube.Create(t.Context(), &v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name},
		Spec:       v1.NpuDeploySpec{Model: "org/model", Accelerator: &v1.Accelerator{Type: "unknown"}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInterruptedStartExitsWith130(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var exit *exitError
	if err := interrupted(ctx, errors.New("compiling: killed")); !errors.As(err, &exit) || exit.code != 130 || exit.err != nil {
		t.Errorf("error is %v, want a silent 130", err)
	}
	if err := interrupted(ctx, nil); err != nil {
		t.Errorf("error is %v, want none", err)
	}
}

func TestUpOutsideTheRepositoryFails(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	err := runUp(t.Context(), upOptions{dir: dir}, os.Stdout, os.Stderr)
	if want := dir + " is outside the NuFi repository: run `nufi up` in a checkout"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// match returns the first group of the expression's match in the output.
func match(t *testing.T, output, expression string) string {
	t.Helper()
	groups := regexp.MustCompile(expression).FindStringSubmatch(output)
	if groups == nil {
		t.Fatalf("no match for %s in %s", expression, output)
	}
	return groups[1]
}

// getVersion gets the version of a kubeconfig's API server.
func getVersion(t *testing.T, kubeconfig string) error {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	_, err = discovery.NewDiscoveryClientForConfigOrDie(config).ServerVersion()
	return err
}

// awaitedOutput is a writer that closes a channel when its text has been written.
type awaitedOutput struct {
	text    string
	written chan struct{}
	once    sync.Once

	mu     sync.Mutex
	buffer bytes.Buffer
}

func (w *awaitedOutput) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.buffer.Write(p)
	if strings.Contains(w.buffer.String(), w.text) {
		w.once.Do(func() { close(w.written) })
	}
	return n, err
}

func (w *awaitedOutput) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buffer.String()
}
