package scaling_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	code := harness.Runner(m, harness.Workloads(), harness.Routes(), harness.With(cluster.KEDA), harness.With(cluster.LWS)).Run()
	_ = os.RemoveAll(policyDir)
	os.Exit(code)
}

var (
	deployment   = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	groups       = schema.GroupVersionKind{Group: "leaderworkerset.x-k8s.io", Version: "v1", Kind: "LeaderWorkerSet"}
	scaledObject = schema.GroupVersionKind{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"}
	autoscaler   = schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}

	shared     = controllertest.Shared{Options: options}
	nodes      sync.Once
	policyDir  = filepath.Join(os.TempDir(), fmt.Sprintf("nufi-scaling-%d", os.Getpid()))
	prometheus = &metrics{values: map[string]int{}}
)

// idle is the time without requests after which the last pod is removed.
const idle = 2 * time.Second

// metrics answers a query about a namespace and a name of a series by the value that a test set, or with no
// result, as Prometheus does without the series.
type metrics struct {
	mu     sync.Mutex
	values map[string]int
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	result := ""
	for key, value := range m.values {
		namespace, series, _ := strings.Cut(key, "/")
		query := r.FormValue("query")
		switch {
		case !strings.Contains(query, fmt.Sprintf("namespace=%q", namespace)) || !strings.Contains(query, series):
		case value < 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		default:
			result = fmt.Sprintf(`{"metric": {}, "value": [1, "%d"]}`, value)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"status": "success", "data": {"resultType": "vector", "result": [%s]}}`, result)
}

// options are those of a controller with policy for KEDA.
func options() (controller.Options, error) {
	server := httptest.NewServer(prometheus) // It ends with the process, as the shared controller does.
	if err := os.CopyFS(policyDir, nufi.Module()); err != nil {
		return controller.Options{}, err
	}
	path := filepath.Join(policyDir, "schemas/policy/policy.cue")
	policy, err := os.ReadFile(path)
	if err != nil {
		return controller.Options{}, err
	}
	edited := strings.NewReplacer(
		`"HorizontalPodAutoscaler"`, `"ScaledObject"`,
		"scaleUpSeconds:   120", "scaleUpSeconds: 1",
		`"http://prometheus-operated.monitoring:9090"`, fmt.Sprintf(`%q
		zero: {kinds: ["VirtualService"], query: #"sum(waiting{namespace="$(NAMESPACE)"})"#, idleSeconds: %d}`, server.URL, int(idle.Seconds())),
	).Replace(string(policy))
	return controller.Options{TemplatesDir: policyDir}, os.WriteFile(path, []byte(edited), 0o600)
}

// fixture is a running controller and a namespace.
type fixture struct {
	*harness.Harness
	*controllertest.Controller
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	t.Parallel()
	h := harness.New(t)
	nodes.Do(func() {
		h.AddNodes(cluster.Node{
			Name: "npu-0", Labels: map[string]string{"rebellions.ai/npu.family": "ATOM"},
			Devices: map[corev1.ResourceName]string{"rebellions.ai/npu": "100"},
		})
		for _, name := range []string{"gpu-0", "gpu-1"} {
			h.AddNodes(cluster.Node{Name: name, Devices: map[corev1.ResourceName]string{"nvidia.com/gpu": "8"}})
		}
	})
	return fixture{h, shared.Start(h)}
}

const (
	onOneNode  = "accelerator: {type: atom, count: 1}"
	onTwoNodes = "accelerator: {type: nvidia, count: 4, nodes: 2}"
)

// apply applies the NpuDeploy with these lines of the spec.
func (f fixture) apply(lines ...string) {
	f.Helper()
	f.Apply(`
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: web}
spec:
  model: org/model
  endpoint: {host: web.NAMESPACE.example, kind: VirtualService}
  ` + strings.Join(lines, "\n  ") + "\n")
}

// scale applies the NpuDeploy with scaling. KEDA then queries once a second, not twice a minute.
func (f fixture) scale(accelerator, bounds string) {
	f.Helper()
	f.apply(accelerator, "scaling: {"+bounds+", metric: RunningRequests, target: 8}")
	f.AwaitObject(f.Object(scaledObject, "web"), "exists", func() bool { return true })
	f.Patch(f.Object(scaledObject, "web"), `{"spec": {"pollingInterval": 1}}`)
}

// measure sets the value of a series: the requests that run, or that wait at the gateway. A query fails if it is
// negative.
func (f fixture) measure(series string, value int) {
	prometheus.mu.Lock()
	defer prometheus.mu.Unlock()
	prometheus.values[f.Namespace+"/"+series] = value
}

// forget removes a series.
func (f fixture) forget(series string) {
	prometheus.mu.Lock()
	defer prometheus.mu.Unlock()
	delete(prometheus.values, f.Namespace+"/"+series)
}

// awaitReady waits until the Deployment has so many replicas, and the NpuDeploy is Ready with them.
func (f fixture) awaitReady(replicas int32) {
	f.Helper()
	f.awaitReadyOf(f.Object(deployment, "web"), replicas)
}

func (f fixture) awaitReadyOf(object *unstructured.Unstructured, replicas int32) {
	f.Helper()
	f.AwaitObject(object, fmt.Sprintf("%d replicas", replicas), func() bool {
		desired, _, _ := unstructured.NestedInt64(object.Object, "spec", "replicas")
		return desired == int64(replicas)
	})
	web, reason := f.NpuDeploy("web"), v1.ReasonReady
	if replicas == 0 {
		reason = v1.ReasonScaledToZero
	}
	f.AwaitObject(web, fmt.Sprintf("%s with %d replicas", reason, replicas), func() bool {
		ready := f.Condition(web, v1.ConditionReady)
		return ready != nil && ready.Status == metav1.ConditionTrue && ready.Reason == reason &&
			ready.ObservedGeneration == web.Generation && web.Status.ReadyReplicas == replicas
	})
}

// awaitPolls waits until KEDA, whose trigger is active, has queried so often.
func (f fixture) awaitPolls(count int) {
	f.Helper()
	object, last := f.Object(scaledObject, "web"), ""
	f.AwaitObject(object, "polls", func() bool {
		if active := lastActive(object); active != last {
			last, count = active, count-1
		}
		return count < 0
	})
}

// lastActive returns when KEDA last found a trigger active.
func lastActive(object *unstructured.Unstructured) string {
	active, _, _ := unstructured.NestedString(object.Object, "status", "lastActiveTime")
	return active
}

// awaitReason waits until a condition of KEDA's has the reason.
func (f fixture) awaitReason(conditionType, reason string) {
	f.Helper()
	object := f.Object(scaledObject, "web")
	f.AwaitObject(object, conditionType+" with "+reason, func() bool {
		condition := f.Condition(object, conditionType)
		return condition != nil && condition.Reason == reason
	})
}
