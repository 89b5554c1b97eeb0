// Package lifecycle_test starts and stops the controller, its API server and its
// templates. Its tests run one after the other: each would disturb the others.
package lifecycle_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	runChild()
	harness.Main(m, harness.Workloads())
}

// quietTime without a request means that the controller has nothing to do.
const quietTime = 2 * time.Second

var (
	service        = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	ingress        = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
	virtualService = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
)

const manifest = `
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: web}
spec:
  model: org/model
  accelerator: {type: atom, count: 1}
  inferenceServer: {replicas: 1}
`

// startQuiet is startApplied that returns once the controller sends no more requests.
func startQuiet(h *harness.Harness, options controller.Options) *controllertest.Controller {
	h.Helper()
	c := startApplied(h, options)
	c.AwaitQuiet(h, h.Namespace, quietTime)
	return c
}

// startApplied starts a controller and applies the manifest with it.
func startApplied(h *harness.Harness, options controller.Options) *controllertest.Controller {
	h.Helper()
	c := controllertest.Start(h, options)
	h.Apply(manifest)
	awaitApplied(h)
	return c
}

func awaitApplied(h *harness.Harness) {
	h.Helper()
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
}

// deleteService deletes web's Service and returns what it was.
func deleteService(h *harness.Harness) *unstructured.Unstructured {
	h.Helper()
	deleted := h.Find(service, "web")
	h.Delete(deleted)
	return deleted
}

// awaitReplaced waits until an object that was deleted exists again.
func awaitReplaced(h *harness.Harness, deleted *unstructured.Unstructured) {
	h.Helper()
	object := h.Object(deleted.GroupVersionKind(), deleted.GetName())
	h.AwaitObject(object, "its replacement", func() bool { return object.GetUID() != deleted.GetUID() })
}

// templatesOf returns the digest of the templates that rendered web.
func templatesOf(h *harness.Harness) string {
	h.Helper()
	web := h.NpuDeploy("web")
	h.Get(web)
	return web.Status.Templates
}
