// Package controller_test runs the whole controller against a real API server.
package controller_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Workloads(), harness.Routes()) }

// soon is how long the controller promises to take.
const soon = 2 * time.Second

var (
	service          = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	serviceAccount   = schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}
	deployment       = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	virtualService   = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
	httpRoute        = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
	inferencePool    = schema.GroupVersionKind{Group: "inference.networking.k8s.io", Version: "v1", Kind: "InferencePool"}
	disruptionBudget = schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}
	roleBinding      = schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"}

	shared = controllertest.Shared{Options: measured.options}
	nodes  sync.Once
)

// fixture is a running controller and a namespace.
type fixture struct {
	*harness.Harness
	*controllertest.Controller
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	t.Parallel()
	h := harness.New(t)
	nodes.Do(func() {
		for i := range 16 {
			h.AddNodes(cluster.Node{
				Name: fmt.Sprintf("npu-%d", i), Labels: map[string]string{"rebellions.ai/npu.family": "ATOM"},
				Devices: map[corev1.ResourceName]string{"rebellions.ai/npu": "40", "nvidia.com/gpu": "8"},
			})
		}
	})
	return &fixture{h, shared.Start(h)}
}

// newReady returns a fixture in which the manifest's NpuDeploy is ready.
func newReady(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.Apply(manifest)
	f.settle()
	return f
}

const manifest = `
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: web}
spec:
  model: org/model
  accelerator: {type: atom, count: 1}
  inferenceServer: {replicas: 1}
  endpoint: {host: web.NAMESPACE.example, kind: VirtualService}
`

// replace returns the manifest with parts replaced.
func replace(oldNew ...string) string {
	changed := strings.NewReplacer(oldNew...).Replace(manifest)
	if changed == manifest {
		panic("the manifest does not have " + oldNew[0])
	}
	return changed
}

// web returns the NpuDeploy named web as it is.
func (f *fixture) web() *v1.NpuDeploy {
	f.Helper()
	deploy := f.NpuDeploy("web")
	f.Get(deploy)
	return deploy
}

// settle waits until web is ready and the controller sends no more requests.
func (f *fixture) settle() {
	f.Helper()
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	f.AwaitQuiet(f.Harness, f.Namespace, 500*time.Millisecond)
}

// awaitReplicas waits until web has so many ready pods.
func (f *fixture) awaitReplicas(count int32) {
	f.Helper()
	web := f.NpuDeploy("web")
	f.AwaitObject(web, fmt.Sprintf("%d ready replicas", count), func() bool { return web.Status.ReadyReplicas == count })
}

// isOwned reports whether the object named web is as the controller writes it.
func (f *fixture) isOwned(kind schema.GroupVersionKind) bool {
	f.Helper()
	object := f.Find(kind, "web")
	return object != nil && object.GetDeletionTimestamp() == nil && len(object.GetOwnerReferences()) == 1 &&
		object.GetLabels()[apply.LabelManagedBy] == apply.ManagedBy &&
		object.GetLabels()["app.kubernetes.io/instance"] == "web"
}
