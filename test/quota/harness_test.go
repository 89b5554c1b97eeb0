package quota_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	code := harness.Runner(m, harness.Workloads(), harness.Routes(),
		harness.With(cluster.LWS), harness.With(cluster.KubeRay), harness.With(cluster.Kueue)).Run()
	_ = os.RemoveAll(policyDir)
	os.Exit(code)
}

var (
	shared    = controllertest.Shared{Options: options}
	policyDir = filepath.Join(os.TempDir(), fmt.Sprintf("nufi-quota-%d", os.Getpid()))

	deployment = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	groups     = schema.GroupVersionKind{Group: "leaderworkerset.x-k8s.io", Version: "v1", Kind: "LeaderWorkerSet"}
	workloads  = schema.GroupVersionKind{Group: "kueue.x-k8s.io", Version: "v1beta2", Kind: "WorkloadList"}
)

// options are those of a controller with policy for Kueue.
func options() (controller.Options, error) {
	if err := os.CopyFS(policyDir, nufi.Module()); err != nil {
		return controller.Options{}, err
	}
	return controller.Options{TemplatesDir: policyDir}, writePolicy("gpus")
}

// writePolicy selects a queue, or none for "", in one step: the controller reads the folder at any time.
func writePolicy(queue string) error {
	text := "package policy\n"
	if queue != "" {
		text += fmt.Sprintf("\npolicy: queue: labels: \"kueue.x-k8s.io/queue-name\": %q\n", queue)
	}
	temporary := policyDir + ".cue"
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(policyDir, "schemas/policy/queue.cue"))
}

// fixture is a running controller, a namespace with nodes and a queue of its own, and the NpuDeploy web.
type fixture struct {
	*harness.Harness
	*controllertest.Controller
}

// newFixture makes nodes with 8 devices each.
func newFixture(t *testing.T, nodes ...string) fixture {
	t.Helper()
	t.Parallel()
	return newFixtureAlone(t, nodes...)
}

// newFixtureAlone is newFixture for a test that runs before all others, because it changes the policy of all.
func newFixtureAlone(t *testing.T, nodes ...string) fixture {
	t.Helper()
	f := fixture{Harness: harness.New(t)}
	f.Controller = shared.Start(f.Harness)
	for _, name := range nodes {
		f.AddNodes(cluster.Node{
			Name: f.Namespace + "-" + name, Labels: map[string]string{"test": f.Namespace},
			Devices: map[corev1.ResourceName]string{"nvidia.com/gpu": "8"},
		})
	}
	return f
}

// setQuota makes the queue gpus, with so many devices, and more fields of the ClusterQueue.
func (f fixture) setQuota(devices int, fields ...string) {
	f.Helper()
	f.setClusterQueue(10_000, devices, fields...)
	f.Apply(`
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: gpus}
spec: {clusterQueue: NAMESPACE}
`)
}

// setClusterQueue makes the quota alone.
func (f fixture) setClusterQueue(cpus, devices int, fields ...string) {
	f.Helper()
	f.Apply(fmt.Sprintf(`
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: NAMESPACE}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: NAMESPACE}
spec:
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
  resourceGroups:
  - coveredResources: [cpu, memory, nvidia.com/gpu]
    flavors:
    - name: NAMESPACE
      resources:
      - {name: cpu, nominalQuota: %d}
      - {name: memory, nominalQuota: 10Ti}
      - {name: nvidia.com/gpu, nominalQuota: %d}
  %s
`, cpus, devices, strings.Join(fields, "\n  ")))
}

// apply applies the NpuDeploy with these lines of the spec, and more fields of inferenceServer.
func (f fixture) apply(fields string, lines ...string) {
	f.Helper()
	f.applyAs("web", fields, lines...)
}

func (f fixture) applyAs(name, fields string, lines ...string) {
	f.Helper()
	f.Apply(`
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: ` + name + `}
spec:
  model: a/b
  inferenceServer: {nodeSelector: {test: NAMESPACE}` + fields + `}
  ` + strings.Join(lines, "\n  ") + "\n")
}

const (
	onOneNode  = "accelerator: {type: nvidia, count: 4}"
	onTwoNodes = "accelerator: {type: nvidia, count: 4, nodes: 2}"
)

// awaitQueued waits until the message of Available contains the text.
func (f fixture) awaitQueued(name, text string) {
	f.Helper()
	deploy := f.NpuDeploy(name)
	f.AwaitObject(deploy, "Queued with "+text, func() bool {
		available := f.Condition(deploy, v1.ConditionAvailable)
		return available != nil && available.Reason == v1.ReasonQueued && available.ObservedGeneration == deploy.Generation && strings.Contains(available.Message, text)
	})
}

// placed returns the names of the pods with a node.
func (f fixture) placed() []string {
	f.Helper()
	var names []string
	for _, pod := range f.Pods() {
		if pod.Spec.NodeName != "" {
			names = append(names, pod.Name)
		}
	}
	return names
}

// workloads returns Kueue's Workloads.
func (f fixture) workloads() []unstructured.Unstructured {
	f.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(workloads)
	f.Must(f.Client.List(f.Context(), list, client.InNamespace(f.Namespace)))
	return list.Items
}

// awaitNoWrites waits until the controller is quiet: nothing that Kueue adds to objects makes it write.
func (f fixture) awaitNoWrites() {
	f.Helper()
	f.AwaitQuiet(f.Harness, f.Namespace, time.Second)
}

// awaitNothingLeft waits until no pod and no Workload is left.
func (f fixture) awaitNothingLeft() {
	f.Helper()
	f.Await("pods and Workloads to be deleted", func() bool { return len(f.Pods()) == 0 && len(f.workloads()) == 0 })
}

// awaitReplaced waits until no pod is one of these.
func (f fixture) awaitReplaced(before map[types.UID]string) {
	f.Helper()
	f.Await("the pods to be replaced", func() bool {
		for uid := range f.PodNames() {
			if before[uid] != "" {
				return false
			}
		}
		return true
	})
}

// requireKept fails for each of these pods that was replaced.
func (f fixture) requireKept(before map[types.UID]string) {
	f.Helper()
	after := f.PodNames()
	for uid, name := range before {
		if after[uid] == "" {
			f.Errorf("pod %s was replaced", name)
		}
	}
}
