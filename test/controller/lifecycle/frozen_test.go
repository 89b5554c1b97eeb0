package lifecycle_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

// childKubeconfig is the environment variable that makes this program a controller.
const childKubeconfig = "NUFI_TEST_CONTROLLER_KUBECONFIG"

// childKill is the environment variable with what a child kills itself before: the Nth write that
// contains a text, as "N TEXT".
const childKill = "NUFI_TEST_CONTROLLER_KILL"

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
	printer := &writePrinter{}
	_, _ = fmt.Sscan(os.Getenv(childKill), &printer.kill, &printer.text)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			printer.print(request)
			return next.RoundTrip(request)
		})
	})
	mgr, err := controller.New(config, controller.Options{
		MetricsAddress: "0", ProbeAddress: "0", Workers: 8, LeaderElection: printer.kill == 0, LeaderElectionNamespace: leaseNamespace,
		Registry: prometheus.NewRegistry(), Validate: templates.Validate, Log: logr.Discard(),
	})
	if err != nil {
		return err
	}
	return mgr.Start(context.Background())
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// writePrinter prints writes, and kills the process before one.
type writePrinter struct {
	kill int32 // 0 for never
	text string

	written atomic.Int32 // writes that contain text
}

func (p *writePrinter) print(request *http.Request) {
	if request.Method == http.MethodGet {
		return
	}
	line := request.Method + " " + request.URL.Path
	if p.kill > 0 && strings.Contains(line, p.text) && p.written.Add(1) >= p.kill {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // The signal may arrive later.
	}
	_, _ = fmt.Fprintln(os.Stdout, line)
}

// startProcess starts a controller as a process.
func startProcess(h *harness.Harness, output io.Writer, environment ...string) *exec.Cmd {
	h.Helper()
	program, err := os.Executable()
	h.Must(err)
	process := exec.CommandContext(h.Context(), program)
	process.Env = append(append(os.Environ(), childKubeconfig+"="+h.Cluster().KubeconfigPath()), environment...)
	process.Stdout = output
	h.Must(process.Start())
	return process
}

// A leader that is frozen for longer than its lease has work in its queues when it continues.
func TestFrozenLeaderWritesNothingAfterItsSuccessor(t *testing.T) {
	h := harness.New(t)
	h.ControllerConfig() // It installs the rights.
	output, err := os.Create(filepath.Join(t.TempDir(), "writes"))
	h.Must(err)
	first := startProcess(h, output)
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

// After each of its writes, a killed controller leaves what the next one completes: it adopts its own
// objects, and prunes those that the spec does not have any more.
func TestKilledControllerIsContinuedByTheNext(t *testing.T) {
	h := harness.New(t)
	defer installVirtualServices(h)()
	h.ControllerConfig() // It installs the rights.
	route := "  endpoint: {host: NAME.NAMESPACE.example, kind: VirtualService}\n"
	named := func(name string) string { return strings.Replace(manifest, "name: web", "name: "+name, 1) }
	var names []string
	for write := range 4 { // Three objects and the status.
		name := fmt.Sprintf("web-%d", write+1)
		names = append(names, name)
		process := startProcess(h, io.Discard, fmt.Sprintf("%s=%d /%s", childKill, write+1, name))
		h.Apply(named(name) + strings.Replace(route, "NAME.", name+".", 1))
		awaitKilled(h, process, write+1)
	}
	h.Apply(named("web-3")) // It is without a route now.
	c := controllertest.Start(h, controller.Options{})
	for _, name := range names {
		deploy := h.NpuDeploy(name)
		h.AwaitCondition(deploy, v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
		want := v1.ReasonRouted
		if name == "web-3" {
			want = v1.ReasonNoEndpoint
		}
		h.AwaitCondition(deploy, v1.ConditionEndpoint, metav1.ConditionTrue, want)
	}
	h.AwaitGone(h.Object(virtualService, "web-3"))
	c.AwaitQuiet(h, h.Namespace, quietTime)
	h.Must(c.Stop())

	// Another kind of route is one more object, and the deletion of the former one.
	for write, name := range []string{"web-1", "web-2", "web-4"} {
		process := startProcess(h, io.Discard, fmt.Sprintf("%s=%d /%s", childKill, write+1, name))
		h.Apply(named(name) + strings.NewReplacer("NAME.", name+".", "VirtualService", "Ingress").Replace(route))
		awaitKilled(h, process, write+1)
	}
	c = controllertest.Start(h, controller.Options{})
	for _, name := range []string{"web-1", "web-2", "web-4"} {
		h.AwaitGone(h.Object(virtualService, name))
		h.AwaitObject(h.Object(ingress, name), "its creation", func() bool { return true })
	}
	c.AwaitQuiet(h, h.Namespace, quietTime)
}

// awaitKilled waits until a controller has killed itself before one of its writes.
func awaitKilled(h *harness.Harness, process *exec.Cmd, write int) {
	h.Helper()
	_ = process.Wait()
	if status := process.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		h.Fatalf("the controller ended with %v before write %d", process.ProcessState, write)
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
