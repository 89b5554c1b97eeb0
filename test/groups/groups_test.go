package groups_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Workloads(), harness.Routes(), harness.With(cluster.LWS))
}

var shared controllertest.Shared

var (
	setKind = schema.GroupVersionKind{Group: "leaderworkerset.x-k8s.io", Version: "v1", Kind: "LeaderWorkerSet"}
)

const devices = corev1.ResourceName("nvidia.com/gpu")

// manifest is a spec with replicas on two nodes of the test.
func manifest(h *harness.Harness) string {
	return `
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: web}
spec:
  model: a/b
  accelerator: {type: nvidia, count: 4, nodes: 2}
  inferenceServer:
    nodeSelector: {test: ` + h.Namespace + `}
`
}

// addNodes adds nodes of 8 GPUs for this test alone.
func addNodes(h *harness.Harness, names ...string) {
	h.Helper()
	for _, name := range names {
		h.AddNodes(cluster.Node{
			Name: h.Namespace + "-" + name, Labels: map[string]string{"test": h.Namespace},
			Devices: map[corev1.ResourceName]string{devices: "8"},
		})
	}
}

func TestGroupServesFromSeveralNodes(t *testing.T) {
	h := harness.New(t)
	shared.Start(h)
	addNodes(h, "a")
	h.Apply(manifest(h))
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	deploy := h.NpuDeploy("web")
	h.Get(deploy)
	if deploy.Status.ReplicaSummary != "1/1" || deploy.Status.Accelerator.Nodes != 2 || deploy.Status.Parallelism.Pipeline != 2 {
		t.Errorf("status is %+v", deploy.Status)
	}
	var pods corev1.PodList
	h.Must(h.Client.List(t.Context(), &pods, client.InNamespace(h.Namespace)))
	if len(pods.Items) != 2 {
		t.Errorf("%d pods", len(pods.Items))
	}
	set := h.Find(setKind, "web-lws")
	if set.GetGeneration() != 1 {
		t.Errorf("generation %d of the set", set.GetGeneration())
	}
}
