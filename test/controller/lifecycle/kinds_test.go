package lifecycle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

var customResourceDefinition = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

const (
	virtualServiceCRD = "devcluster/crds/virtualservices.yaml"
	httpRouteCRD      = "devcluster/crds/httproutes.yaml"
	inferencePoolCRD  = "devcluster/crds/inferencepools.yaml"
)

// installVirtualServices returns a function that uninstalls them: other tests begin without.
func installVirtualServices(h *harness.Harness) (uninstall func()) {
	h.Helper()
	h.Must(h.Cluster().ApplyCRD(h.Context(), h.Path(virtualServiceCRD)))
	return func() { uninstallKind(h, "virtualservices.networking.istio.io") }
}

func uninstallKind(h *harness.Harness, name string) {
	h.Helper()
	definition := h.Object(customResourceDefinition, name)
	h.Delete(definition)
	h.AwaitGone(definition)
}

// The condition names the kind of the pool's objects that is not installed. The picker, whose kinds are Kubernetes', is
// applied.
func TestInferencePoolThatIsNotInstalledIsNamed(t *testing.T) {
	h := harness.New(t)
	h.Must(h.Cluster().ApplyCRD(h.Context(), h.Path(httpRouteCRD)))
	defer uninstallKind(h, "httproutes.gateway.networking.k8s.io")
	controllertest.Start(h, controller.Options{})
	h.Apply(manifest + "  endpoint: {host: web.example, kind: InferencePool}\n")
	web := h.NpuDeploy("web")
	applied := h.AwaitCondition(web, v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonKindNotInstalled)
	if !strings.Contains(applied.Message, "InferencePool of inference.networking.k8s.io/v1") {
		t.Errorf("message %q", applied.Message)
	}
	if ready := h.Condition(web, v1.ConditionReady); ready.Reason != v1.ReasonKindNotInstalled {
		t.Errorf("the condition Ready has the reason %s: %s", ready.Reason, ready.Message)
	}
	for _, name := range []string{"web", "web-epp"} {
		if h.Find(service, name) == nil {
			t.Errorf("Service %s was not applied", name)
		}
	}
	h.Must(h.Cluster().ApplyCRD(h.Context(), h.Path(inferencePoolCRD)))
	defer uninstallKind(h, "inferencepools.inference.networking.k8s.io")
	awaitApplied(h)
}

func TestKindThatCannotBeListedDoesNotStopTheOthers(t *testing.T) {
	h := harness.New(t)
	defer installVirtualServices(h)()
	h.ControllerConfig() // It installs the rights.
	isAllowed := func() bool {
		return h.Allowed(harness.ControllerAccount(), "list networking.istio.io/virtualservices", "")
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "nufi-controller"}}
	h.Get(role)
	rules := role.Rules
	role.Rules = slices.DeleteFunc(slices.Clone(rules), func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.APIGroups, "networking.istio.io")
	})
	h.Must(h.Client.Update(t.Context(), role))
	h.Await("the right to be revoked", func() bool { return !isAllowed() })
	log := &logLines{}
	controllertest.Start(h, controller.Options{Log: log.logger()})
	h.Apply(manifest + "  endpoint: {host: web.example, kind: VirtualService}\n")
	applied := h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonApplyFailed)
	if !strings.Contains(applied.Message, "listing objects of kind VirtualService") || !strings.Contains(applied.Message, "forbidden") {
		t.Errorf("message %q", applied.Message)
	}
	h.Await("the reason in the log", func() bool { return log.contain("is forbidden") })
	if h.Find(service, "web") == nil {
		t.Error("the other objects were not applied")
	}
	role.Rules = rules
	h.Must(h.Client.Update(t.Context(), role))
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
}

// The objects of a kind that is not served for a while remain, and are pruned when it is served again.
func TestObjectIsPrunedOnceItsKindIsServedAgain(t *testing.T) {
	h := harness.New(t)
	defer installVirtualServices(h)()
	log := &logLines{}
	controllertest.Start(h, controller.Options{Log: log.logger()})
	h.Apply(manifest + "  endpoint: {host: web.example, kind: VirtualService}\n")
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)

	h.Apply(strings.Replace(h.File(virtualServiceCRD), "served: true", "served: false", 1))
	h.Await("the version that is not served", func() bool { return log.contain("is defined but not served yet") })
	h.Apply(manifest)
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonNoEndpoint)
	h.Must(h.Cluster().ApplyCRD(t.Context(), h.Path(virtualServiceCRD)))
	h.AwaitGone(h.Object(virtualService, "web"))
}

func TestReinstalledKindIsUsedWithoutContention(t *testing.T) {
	h := harness.New(t)
	h.Must(h.Cluster().ApplyCRD(t.Context(), h.Path(virtualServiceCRD)))
	log := &logLines{}
	c := controllertest.Start(h, controller.Options{Log: log.logger()})
	const count = 20
	var deploys []*v1.NpuDeploy
	for i := range count {
		name := fmt.Sprintf("web-%d", i)
		h.Apply(strings.Replace(manifest, "name: web", "name: "+name, 1) +
			fmt.Sprintf("  endpoint: {host: %s.example, kind: VirtualService}\n", name))
		deploys = append(deploys, h.NpuDeploy(name))
	}
	for _, deploy := range deploys {
		h.AwaitCondition(deploy, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
	}
	c.AwaitQuiet(h, h.Namespace, quietTime)
	before := log.count("")

	definition := h.Object(customResourceDefinition, "virtualservices.networking.istio.io")
	h.Delete(definition)
	h.AwaitGone(definition)
	for _, deploy := range deploys {
		h.AwaitCondition(deploy, v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonKindNotInstalled)
	}
	c.AwaitQuiet(h, h.Namespace, quietTime)
	h.Apply(strings.Replace(h.File(virtualServiceCRD), "served: true", "served: false", 1))
	h.Await("the version that is not served", func() bool { return log.contain("is defined but not served yet") })
	for _, deploy := range deploys {
		h.AwaitCondition(deploy, v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonKindNotInstalled)
	}
	h.Must(h.Cluster().ApplyCRD(t.Context(), h.Path(virtualServiceCRD)))
	for _, deploy := range deploys {
		h.AwaitCondition(deploy, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
		h.AwaitCondition(deploy, v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
	}
	if n := log.count("keeps overwriting"); n > 0 {
		t.Errorf("%d lines of the log report contention", n)
	}
	// For each deployment: an error and what was applied, and a few attempts meanwhile.
	if lines := log.count("") - before; lines > 6*count {
		t.Errorf("%d lines of the log for %d deployments", lines, count)
	}
	uninstallKind(h, definition.GetName()) // The other tests begin without it.
}
