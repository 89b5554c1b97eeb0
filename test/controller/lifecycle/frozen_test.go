package lifecycle_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

// childKubeconfig is the environment variable that makes this program a controller.
const childKubeconfig = "NUFI_TEST_CONTROLLER_KUBECONFIG"

const leaseNamespace = "nufi-system"

// runChild runs a controller, and prints its writes, if this process was started as one.
func runChild() {
	path := os.Getenv(childKubeconfig)
	if path == "" {
		return
	}
	log.SetLogger(logr.Discard())
	if err := startChild(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func startChild(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	account := harness.ControllerAccount()
	config.Impersonate = rest.ImpersonationConfig{UserName: account.Name, Groups: account.Groups}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return writePrinter{next} })
	mgr, err := controller.New(config, controller.Options{
		MetricsAddress: "0", ProbeAddress: "0", Workers: 8, LeaderElection: true, LeaderElectionNamespace: leaseNamespace,
		Registry: prometheus.NewRegistry(), Validate: templates.Validate, Log: logr.Discard(),
	})
	if err != nil {
		return err
	}
	return mgr.Start(context.Background())
}

type writePrinter struct{ next http.RoundTripper }

func (p writePrinter) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet {
		_, _ = fmt.Fprintln(os.Stdout, request.Method, request.URL.Path)
	}
	return p.next.RoundTrip(request)
}

// A leader that is frozen for longer than its lease has work in its queues when it continues.
func TestFrozenLeaderWritesNothingAfterItsSuccessor(t *testing.T) {
	h := harness.New(t)
	h.ControllerConfig() // It installs the rights.
	output, err := os.Create(filepath.Join(t.TempDir(), "writes"))
	h.Must(err)
	program, err := os.Executable()
	h.Must(err)
	first := exec.CommandContext(t.Context(), program)
	first.Env, first.Stdout = append(os.Environ(), childKubeconfig+"="+h.Cluster().KubeconfigPath()), output
	h.Must(first.Start())
	h.Apply(manifest)
	awaitApplied(h)

	second := controllertest.Start(h, controller.Options{LeaderElection: true, LeaderElectionNamespace: leaseNamespace})
	h.Await("the second controller to read the lease", func() bool { return second.Requests(leaseNamespace) > 0 })
	h.Must(first.Process.Signal(syscall.SIGSTOP))
	written := writesOf(h, output.Name())
	h.Apply(strings.Replace(manifest, "replicas: 1", "replicas: 2", 1))
	deleted := deleteService(h)
	awaitReplaced(h, deleted)
	awaitApplied(h)
	h.Delete(h.Find(service, "web"))
	h.Must(first.Process.Signal(syscall.SIGCONT))
	if err := first.Wait(); err == nil {
		t.Error("the first controller ended without an error, want the loss of its lease")
	}
	if writes := writesOf(h, output.Name()); len(writes) > len(written) {
		t.Errorf("the first controller wrote %v after its successor", writes[len(written):])
	}
}

// writesOf returns the lines of a child's output about the test's namespace.
func writesOf(h *harness.Harness, output string) []string {
	h.Helper()
	content, err := os.ReadFile(output)
	h.Must(err)
	var writes []string
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, "/namespaces/"+h.Namespace+"/") {
			writes = append(writes, line)
		}
	}
	return writes
}
