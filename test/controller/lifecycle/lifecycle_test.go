package lifecycle_test

import (
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestRestartWritesNothing(t *testing.T) {
	h := harness.New(t)
	h.Must(startQuiet(h, controller.Options{}).Stop())
	second := controllertest.Start(h, controller.Options{})
	h.Await("the second controller to apply", func() bool { return second.Metric(h, "nufi_applies_total") >= 3 })
	second.AwaitQuiet(h, h.Namespace, quietTime)
	if writes := second.Writes(h.Namespace); len(writes) > 0 {
		t.Errorf("the second controller wrote %v", writes)
	}
}

// kubectl wait and kstatus trust the conditions of the current generation.
func TestChangedSpecIsNotReadyBeforeItsDeploymentIsObserved(t *testing.T) {
	h := harness.New(t)
	c := controllertest.Start(h, controller.Options{})
	h.Apply(strings.Replace(manifest, "replicas: 1", "replicas: 0", 1))
	web := h.NpuDeploy("web")
	h.AwaitCondition(web, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)

	release := c.DelayWatches("deployments")
	defer release()
	h.Patch(web, `{"spec":{"inferenceServer":{"terminationGracePeriodSeconds":6}}}`)
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "web"}}
	h.AwaitObject(deployment, "the change", func() bool {
		grace := deployment.Spec.Template.Spec.TerminationGracePeriodSeconds
		return grace != nil && *grace == 6
	})
	c.AwaitQuiet(h, h.Namespace, quietTime)
	if h.Get(web); web.Status.ObservedGeneration == web.Generation {
		t.Errorf("generation %d is observed before its Deployment: %v", web.Generation, h.Condition(web, v1.ConditionReady))
	}
	release()
	h.AwaitCondition(web, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)
}

// The writes that are under way end with the context of the controller. Those of events do, too: client-go logs that the
// event is lost.
func TestStopIsNoErrorOfAReconcile(t *testing.T) {
	for name, moment := range map[string]controllertest.Moment{
		"an apply": {Method: http.MethodPatch, Path: "/services/web"},
		"a status": {Method: http.MethodPatch, Path: "/npudeploys/web/status"},
	} {
		t.Run(name, func(t *testing.T) {
			h := harness.New(t)
			log := &logLines{}
			c := controllertest.Start(h, controller.Options{Log: log.logger()})
			stopped := c.StopAt(moment)
			h.Apply(manifest)
			stopped(h)
			for _, line := range log.with("Reconciler error") {
				if strings.Contains(line, "context canceled") {
					t.Errorf("the log has %s", line)
				}
			}
		})
	}
}

func TestDriftDuringRestartIsCorrected(t *testing.T) {
	h := harness.New(t)
	h.Must(startQuiet(h, controller.Options{}).Stop())
	deleted := deleteService(h)
	controllertest.Start(h, controller.Options{})
	awaitReplaced(h, deleted)
}

func TestRouteIsPrunedAfterARestartWithoutStatus(t *testing.T) {
	h := harness.New(t)
	defer installVirtualServices(h)()
	c := controllertest.Start(h, controller.Options{})
	h.Apply(manifest + "  endpoint: {host: NAMESPACE.example, kind: VirtualService}\n")
	web := h.NpuDeploy("web")
	h.AwaitCondition(web, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
	h.Must(c.Stop())
	h.Apply(manifest)
	h.Must(h.Client.Status().Patch(t.Context(), web, client.RawPatch(types.MergePatchType, []byte(`{"status":null}`))))
	controllertest.Start(h, controller.Options{})
	h.AwaitCondition(web, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonNoEndpoint)
	h.AwaitGone(h.Object(virtualService, "web"))
}

func TestHostOfARemainingRouteIsTakenAfterARestart(t *testing.T) {
	for name, merge := range map[string]string{
		"being deleted": `{"metadata":{"finalizers":["example.com/hold"]}}`,
		"left behind":   `{"metadata":{"finalizers":["example.com/hold"],"ownerReferences":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			h := harness.New(t)
			uninstall := installVirtualServices(h)
			defer uninstall()
			c := controllertest.Start(h, controller.Options{})
			endpoint := "  endpoint: {host: NAMESPACE.example, path: /one, kind: VirtualService}\n"
			h.Apply(manifest + endpoint)
			h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
			h.Must(c.Stop())
			h.Patch(h.Find(virtualService, "web"), merge)
			h.Delete(h.NpuDeploy("web"), client.PropagationPolicy(metav1.DeletePropagationBackground))
			h.AwaitGone(h.NpuDeploy("web"))

			controllertest.Start(h, controller.Options{})
			h.Apply(strings.Replace(manifest, "name: web", "name: late", 1) + endpoint)
			late := h.NpuDeploy("late")
			h.AwaitCondition(late, v1.ConditionEndpoint, metav1.ConditionFalse, v1.ReasonHostTaken)
			h.Apply(strings.Replace(manifest, "name: web", "name: other", 1) + strings.Replace(endpoint, "/one", "/two", 1))
			h.AwaitCondition(h.NpuDeploy("other"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
			route := h.Find(virtualService, "web")
			h.Delete(route)
			h.Patch(route, `{"metadata":{"finalizers":null}}`)
			h.AwaitCondition(late, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
		})
	}
}

// The informer has no route of a deleted NpuDeploy yet, and its host is not free.
func TestHostOfARouteThatIsNotCachedIsTaken(t *testing.T) {
	h := harness.New(t)
	defer installVirtualServices(h)()
	c := controllertest.Start(h, controller.Options{})
	endpoint := "  endpoint: {host: NAMESPACE.example, kind: VirtualService}\n"
	h.Apply(strings.Replace(manifest, "name: web", "name: first", 1) + strings.Replace(endpoint, "NAMESPACE", "first", 1))
	h.AwaitCondition(h.NpuDeploy("first"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted) // The informer has started.

	release := c.DelayWatches("virtualservices")
	defer release()
	h.Apply(manifest + endpoint)
	awaitApplied(h)
	h.Patch(h.Find(virtualService, "web"), `{"metadata":{"finalizers":["example.com/hold"]}}`)
	h.AwaitNewer(h.NpuDeploy("web"))
	h.Apply(strings.Replace(manifest, "name: web", "name: late", 1) + endpoint)
	late := h.NpuDeploy("late")
	h.AwaitCondition(late, v1.ConditionEndpoint, metav1.ConditionFalse, v1.ReasonHostTaken)
	h.Delete(h.NpuDeploy("web"), client.PropagationPolicy(metav1.DeletePropagationBackground))
	h.AwaitObject(late, "the route of the deleted owner", func() bool {
		endpoint := h.Condition(late, v1.ConditionEndpoint)
		if endpoint.Status == metav1.ConditionTrue {
			h.Fatal("two routes have one host")
		}
		return strings.Contains(endpoint.Message, "/web, which was deleted and still has a route")
	})
	release()
	h.Patch(h.Find(virtualService, "web"), `{"metadata":{"finalizers":null}}`)
	h.AwaitCondition(late, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
}

func TestStandbyTakesOver(t *testing.T) {
	h := harness.New(t)
	const leases = "nufi-system"
	options := controller.Options{LeaderElection: true, LeaderElectionNamespace: leases}
	first := startApplied(h, options)
	second := controllertest.Start(h, options)
	h.Await("the second controller to read the lease", func() bool { return second.Requests(leases) > 0 })
	awaitReplaced(h, deleteService(h))
	if writes := second.Writes(h.Namespace); len(writes) > 0 {
		t.Errorf("without the lease, the second controller wrote %v", writes)
	}
	h.Must(first.Stop())
	awaitReplaced(h, deleteService(h))
}

func TestControllerRecoversFromAnAPIServerOutage(t *testing.T) {
	h := harness.New(t)
	c := startApplied(h, controller.Options{})
	for range 3 {
		h.Must(h.Cluster().StopAPIServer())
		h.Must(h.Cluster().StartAPIServer(t.Context()))
	}
	awaitReplaced(h, deleteService(h))
	awaitApplied(h)
	c.AwaitQuiet(h, h.Namespace, quietTime)
}

func TestKindInstalledLaterIsUsedWithoutRestart(t *testing.T) {
	h := harness.New(t)
	controllertest.Start(h, controller.Options{})
	h.Apply(manifest + "  endpoint: {host: web.example, kind: VirtualService}\n")
	condition := h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonKindNotInstalled)
	if !strings.Contains(condition.Message, "VirtualService of networking.istio.io/v1") {
		t.Errorf("message %q", condition.Message)
	}
	if h.Find(service, "web") == nil {
		t.Error("the other objects were not applied")
	}
	h.Must(h.Cluster().ApplyCRD(t.Context(), h.Path("devcluster/crds/virtualservices.yaml")))
	awaitApplied(h)
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
	route := h.Find(virtualService, "web")
	h.Delete(route)
	awaitReplaced(h, route)
}

func TestSpecChangedWithoutAControllerIsRecorded(t *testing.T) {
	h := harness.New(t)
	h.Must(startQuiet(h, controller.Options{}).Stop())
	h.Apply(strings.Replace(manifest, "count: 1", "count: 2", 1))
	c := controllertest.Start(h, controller.Options{})
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
	c.AwaitQuiet(h, h.Namespace, quietTime)
	if got := h.Kubectl("get", "controllerrevisions", "-n", h.Namespace, "-o", "jsonpath={.items[*].data.spec.accelerator.count}"); got != "2" {
		t.Errorf("the counts in the revisions are %q, want 2: the spec before is not known", got)
	}
	h.Apply(strings.Replace(manifest, "count: 1", "count: 4", 1))
	h.Await("the next revision", func() bool {
		return h.Kubectl("get", "controllerrevisions", "-n", h.Namespace, "--sort-by=.revision", "-o", "jsonpath={.items[*].data.spec.accelerator.count}") == "2 4"
	})
}
