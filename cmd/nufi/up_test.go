package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"
)

func TestUpServesTheExamplesUntilItIsStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is not started with -short")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	out := &watched{wanted: "Ctrl-C stops everything", seen: make(chan struct{})}
	var progress bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- runUp(ctx, upOptions{dir: dir, timeout: time.Minute}, out, &progress) }()
	select {
	case <-out.seen:
	case err := <-ended:
		t.Fatal("up ended by itself: ", err)
	}

	kubeconfig := filepath.Join(dir, "kubeconfig")
	for _, text := range []string{"NAMESPACE ", "llama-8b ", "export KUBECONFIG=" + kubeconfig + "\n"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not told: %s", text, out)
		}
	}
	if strings.Contains(out.String(), "not ready: ") {
		t.Errorf("an example is not ready: %s", out)
	}
	if err := ask(t, kubeconfig); err != nil {
		t.Error("nobody answers: ", err)
	}
	if answer := get(t, told(t, out.String(), `curl (http://\S+)`)); !strings.Contains(answer, `"llama-8b"`) {
		t.Errorf("NuFi's API server does not list the examples: %s", answer)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error("a stop is an error: ", err)
	}
	if err := ask(t, kubeconfig); err == nil {
		t.Error("the API server still answers")
	}
	for _, step := range []string{"starting etcd and kube-apiserver", "waiting for the examples", "stopping"} {
		if !strings.Contains(progress.String(), "s  "+step+"\n") {
			t.Errorf("the step %q is not told: %s", step, &progress)
		}
	}
}

func TestAStartBrokenOffIsNoFault(t *testing.T) {
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

func TestUpOutsideTheRepositorySaysSo(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	err := runUp(t.Context(), upOptions{dir: dir}, os.Stdout, os.Stderr)
	if want := dir + " is outside the NuFi repository, which `up` builds from"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// told returns what the expression's group matches in the output.
func told(t *testing.T, output, expression string) string {
	t.Helper()
	match := regexp.MustCompile(expression).FindStringSubmatch(output)
	if match == nil {
		t.Fatalf("%s is not told: %s", expression, output)
	}
	return match[1]
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // It was only read.
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// ask asks the API server of a kubeconfig for its version.
func ask(t *testing.T, kubeconfig string) error {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	_, err = discovery.NewDiscoveryClientForConfigOrDie(config).ServerVersion()
	return err
}

// watched is output that tells when it holds what is wanted.
type watched struct {
	wanted string
	seen   chan struct{}

	mu     sync.Mutex
	told   bool
	buffer bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.buffer.Write(p)
	if !w.told && strings.Contains(w.buffer.String(), w.wanted) {
		w.told = true
		close(w.seen)
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buffer.String()
}
