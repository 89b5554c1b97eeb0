package bundle_test

import (
	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A table of rights may lack one. Here the controller elects itself, applies, corrects
// drift, prunes and records events with its account's rights, and no request is forbidden.
func controllerWorks(h *harness.Harness) {
	c := controllertest.Start(h, controller.Options{LeaderElection: true, LeaderElectionNamespace: namespace, Workers: 2})
	h.Kubectl("apply", "-n", h.Namespace, "-f", h.Path("examples", "minimal", "npudeploy.yaml"))
	deploy := h.NpuDeploy("qwen-7b")
	h.AwaitCondition(deploy, v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)

	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "qwen-7b"}}
	h.Get(service)
	deleted := service.UID
	h.Delete(service)
	h.AwaitObject(service, "its replacement", func() bool { return service.UID != deleted })

	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "qwen-7b"}}
	h.Patch(h.NpuDeploy("qwen-7b"), `{"spec": {"endpoint": {"kind": "Ingress", "host": "qwen.example.com"}}}`)
	h.AwaitObject(ingress, "its creation", func() bool { return true })
	h.AwaitCondition(deploy, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
	h.Patch(h.NpuDeploy("qwen-7b"), `{"spec": {"endpoint": null}}`)
	h.AwaitGone(ingress)

	h.AwaitKubectl("NpuDeploy", "get", "events", "-n", h.Namespace, "--field-selector=involvedObject.kind=NpuDeploy",
		"-o", "jsonpath={.items[0].involvedObject.kind}")
	for _, request := range c.Forbidden() {
		h.Errorf("the controller may not %s", request)
	}
}
