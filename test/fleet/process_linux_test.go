package fleet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/cluster"
)

// process is the controller.
type process struct {
	testing.TB
	pid     int
	metrics string
	stop    func()
}

// startController compiles the controller and starts it.
func (f *fleet) startController() {
	f.Helper()
	f.binary = filepath.Join(f.TempDir(), "nufi-controller")
	if out, err := exec.CommandContext(f.Context(), "go", "build", "-o", f.binary, f.Path("cmd", "nufi-controller")).CombinedOutput(); err != nil {
		f.Fatalf("compiling the controller: %v: %s", err, out)
	}
	f.launch()
}

// launch starts the compiled controller. It stops before the control plane does.
func (f *fleet) launch() {
	f.Helper()
	ports, err := cluster.FreePorts(f.Context(), 0)
	if err != nil {
		f.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	command := exec.CommandContext(context.WithoutCancel(f.Context()), f.binary,
		"--kubeconfig="+f.Cluster().KubeconfigPath(), "--metrics-bind-address="+address, "--health-probe-bind-address=0",
		"--templates="+f.templates, "--log-level=error", "--leader-election-namespace="+f.Namespace)
	command.Env = append(os.Environ(), f.environment()...)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		f.Fatal(err)
	}
	f.process = &process{TB: f.TB, pid: command.Process.Pid, metrics: "http://" + address + "/metrics"}
	f.process.stop = sync.OnceFunc(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	})
	stopCluster := f.stop
	f.stop = sync.OnceFunc(func() {
		f.process.stop()
		stopCluster()
	})
	f.Cleanup(f.stop)
}

// environment returns the controller's variables in the bundle, which set the garbage
// collector above all.
func (f *fleet) environment() []string {
	f.Helper()
	var deployment appsv1.Deployment
	f.Must(yaml.UnmarshalStrict([]byte(f.File("bundle/controller/deployment.yaml")), &deployment))
	var environment []string
	for _, variable := range deployment.Spec.Template.Spec.Containers[0].Env {
		if variable.Value != "" {
			environment = append(environment, variable.Name+"="+variable.Value)
		}
	}
	return environment
}

// cpu returns the CPU time that the process used on all cores.
func (p *process) cpu() time.Duration {
	p.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		p.Fatal(err)
	}
	_, after, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(after)
	const tick = 10 * time.Millisecond // Linux counts in hundredths for users, always.
	return time.Duration(p.number(fields[11])+p.number(fields[12])) * tick
}

// residentMiB returns the resident memory.
func (p *process) residentMiB() float64 {
	p.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid))
	if err != nil {
		p.Fatal(err)
	}
	return p.number(strings.Fields(string(content))[1]) * float64(os.Getpagesize()) / (1 << 20)
}

func (p *process) number(text string) float64 {
	p.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.Fatal(err)
	}
	return value
}

// writes counts the requests of the controller but reads, and writes that a newer version of the object rejected.
func (f *fleet) writes() float64 {
	f.Helper()
	return f.sum("rest_client_requests_total", func(labels string) bool {
		return !strings.Contains(labels, `method="GET"`) && !strings.Contains(labels, `code="409"`)
	})
}

// created counts the children. It asks the API server, which costs the controller nothing.
func (f *fleet) created() float64 {
	f.Helper()
	count := int64(0)
	for _, kind := range []schema.GroupVersionKind{corev1.SchemeGroupVersion.WithKind("Service"), appsv1.SchemeGroupVersion.WithKind("Deployment"), virtualService} {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(kind)
		f.Must(f.Client.List(f.Context(), &list, client.InNamespace(f.Namespace), client.Limit(1)))
		count += int64(len(list.Items)) + ptr.Deref(list.RemainingItemCount, 0)
	}
	return float64(count)
}

// metric sums the samples of a metric whose labels contain the text.
func (f *fleet) metric(name, label string) float64 {
	f.Helper()
	return f.sum(name, func(labels string) bool { return strings.Contains(labels, label) })
}

// sum sums the samples of a metric whose labels match. It is 0 while the controller does not serve yet. It costs the
// controller 4 ms of CPU.
func (f *fleet) sum(name string, matches func(labels string) bool) float64 {
	f.Helper()
	request, err := http.NewRequestWithContext(f.Context(), http.MethodGet, f.process.metrics, nil)
	if err != nil {
		f.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity") // Compressing would cost the controller CPU.
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer func() { _, _ = io.Copy(io.Discard, response.Body); _ = response.Body.Close() }()
	sum := 0.0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		sample, value, isSample := strings.Cut(lines.Text(), " ")
		metric, labels, _ := strings.Cut(sample, "{")
		if isSample && metric == name && matches(labels) {
			sum += f.process.number(value)
		}
	}
	return sum
}
