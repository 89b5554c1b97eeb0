package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestSpecBecomesReady(t *testing.T) {
	f := newReady(t)
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service, deployment, virtualService} {
		if f.Find(kind, "web") == nil {
			t.Errorf("no %s exists", kind.Kind)
		}
	}
	status := f.web().Status
	if status.ReadyReplicas != 1 || !strings.HasSuffix(status.URL, "web."+f.Namespace+".example") || status.Accelerator.Type != "atom" {
		t.Errorf("status %+v", status)
	}
	if len(status.Inventory) > 0 {
		t.Errorf("the inventory is %v", status.Inventory)
	}
	writes := f.Writes(f.Namespace)
	isStatus := func(write string) bool { return strings.HasSuffix(write, "/status") }
	if first := slices.IndexFunc(writes, isStatus); first != 4 {
		t.Errorf("%d writes before the first status, want 4: %v", first, writes)
	}
}

// The API server stores what is applied: no field appears to be changed by admission.
func TestAppliedFieldsAreNotReportedAsChanged(t *testing.T) {
	f := newFixture(t)
	kinds := []v1.EndpointKind{v1.EndpointVirtualService, v1.EndpointIngress, v1.EndpointHTTPRoute, v1.EndpointInferencePool}
	for i, kind := range kinds {
		f.Apply(replace("name: web", fmt.Sprintf("name: web-%d", i), "web.NAMESPACE", fmt.Sprintf("web-%d.NAMESPACE", i),
			"kind: VirtualService", "kind: "+string(kind)))
	}
	for i := range kinds {
		deploy := f.NpuDeploy(fmt.Sprintf("web-%d", i))
		applied := f.AwaitCondition(deploy, v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
		if applied.Message != "all manifests are in place" {
			t.Errorf("%s: %s", kinds[i], applied.Message)
		}
	}
}

func TestNoRequestsWhenNothingChanged(t *testing.T) {
	f := newReady(t)
	f.AwaitQuiet(f.Harness, f.Namespace, soon) // Events of a busy machine are late.
	before, wrote := f.Requests(f.Namespace), len(f.Writes(f.Namespace))
	// These events cause a reconcile and change nothing of ours.
	f.Patch(f.Find(deployment, "web"), `{"metadata":{"labels":{"seen":"yes"},"annotations":{"seen":"yes"}}}`)
	f.Patch(f.Find(service, "web"), `{"metadata":{"annotations":{"seen":"yes"}}}`)
	f.AwaitQuiet(f.Harness, f.Namespace, time.Second)
	if requests := f.Requests(f.Namespace) - before; requests != 0 {
		t.Errorf("%d requests: %v\nevents:\n%s", requests, f.Writes(f.Namespace)[wrote:], f.Kubectl("get", "events", "-n", f.Namespace))
	}
}

func TestChangedSpecIsRolledOut(t *testing.T) {
	f := newReady(t)
	f.Apply(replace("replicas: 1", "replicas: 2"))
	f.settle()
	if got := f.web().Status.ReadyReplicas; got != 2 {
		t.Errorf("%d pods are ready, want 2", got)
	}
}

func TestDriftOfAnyOwnedObjectIsCorrectedSoon(t *testing.T) {
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service, deployment, virtualService} {
		for name, drift := range map[string]func(f *fixture, object *unstructured.Unstructured){
			"edited": func(f *fixture, _ *unstructured.Unstructured) {
				f.Patch(f.Find(kind, "web"), `{"metadata":{"labels":{"app.kubernetes.io/instance":"other"}}}`)
			},
			"label removed": func(f *fixture, _ *unstructured.Unstructured) {
				f.Patch(f.Find(kind, "web"), `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`)
			},
			"owner reference removed": func(f *fixture, _ *unstructured.Unstructured) {
				f.Patch(f.Find(kind, "web"), `{"metadata":{"ownerReferences":null}}`)
			},
			"deleted": func(f *fixture, object *unstructured.Unstructured) {
				f.Delete(object)
			},
		} {
			t.Run(kind.Kind+" "+name, func(t *testing.T) {
				f := newReady(t)
				drift(f, f.Find(kind, "web"))
				start := time.Now()
				f.Await("the drift to be corrected", func() bool { return f.isOwned(kind) }, f.Find(kind, "web"))
				// A second is the promise; a machine that runs other tests gets more.
				if took := time.Since(start); took > 3*soon {
					t.Errorf("corrected after %s", took)
				}
			})
		}
	}
}

func TestRemovedRouteIsPruned(t *testing.T) {
	f := newReady(t)
	f.Apply(replace("  endpoint: {host: web.NAMESPACE.example, kind: VirtualService}\n", "  endpoint: {kind: None}\n"))
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonNoEndpoint)
	f.AwaitGone(f.Object(virtualService, "web"))
}

// The picker has its own pod, account and rights. Another kind of endpoint leaves none of them, and neither
// restarts the server.
func TestInferencePoolAndItsPickerFollowTheKind(t *testing.T) {
	f := newReady(t)
	before := f.Find(deployment, "web").GetGeneration()
	f.Apply(replace("kind: VirtualService", "kind: InferencePool"))
	f.AwaitGone(f.Object(virtualService, "web"))
	f.settle()
	picker := []*unstructured.Unstructured{
		f.Object(deployment, "web-epp"), f.Object(service, "web-epp"), f.Object(serviceAccount, "web-epp"), f.Object(roleBinding, "web-epp"),
		f.Object(inferencePool, "web"), f.Object(httpRoute, "web"),
	}
	for _, object := range picker {
		if !f.Get(object) {
			t.Errorf("no %s %s exists", object.GetKind(), object.GetName())
		}
	}
	account := harness.ServiceAccount(f.Namespace, "web-epp")
	f.AwaitAllowed(account, "watch pods", f.Namespace)
	f.AwaitAllowed(account, "list inference.networking.k8s.io/inferencepools", f.Namespace)
	for access, namespace := range map[string]string{"delete pods": f.Namespace, "get secrets": f.Namespace, "list pods": "default"} {
		if f.Allowed(account, access, namespace) {
			t.Errorf("the picker may %s in %s", access, namespace)
		}
	}
	if status := f.web().Status; status.Replicas != 1 || status.ReadyReplicas != 1 {
		t.Errorf("the picker counts as a server: %d replicas, %d ready", status.Replicas, status.ReadyReplicas)
	}

	f.Apply(manifest)
	for _, object := range picker {
		f.AwaitGone(object)
	}
	f.settle()
	if after := f.Find(deployment, "web").GetGeneration(); after != before {
		t.Errorf("the server's Deployment changed: generation %d, then %d", before, after)
	}
}

func TestErrorOfThePickerIsReported(t *testing.T) {
	f := newFixture(t)
	f.Apply(replace("kind: VirtualService", "kind: InferencePool"))
	f.settle()
	f.Patch(f.Find(deployment, "web-epp"), `{"spec":{"template":{"spec":{"nodeSelector":{"missing":""}}}}}`)
	web := f.NpuDeploy("web")
	f.AwaitObject(web, "the error of the picker", func() bool {
		endpoint := f.Condition(web, v1.ConditionEndpoint)
		return endpoint.Reason == v1.ReasonPickerNotReady && strings.Contains(endpoint.Message, "web-epp has no ready pod: 0/") &&
			strings.Contains(endpoint.Message, "match Pod's node affinity/selector")
	})
	if available := f.Condition(web, v1.ConditionAvailable); available.Status != metav1.ConditionTrue {
		t.Errorf("the condition Available is %s: %s", available.Reason, available.Message)
	}
	f.Patch(f.Find(deployment, "web-epp"), `{"spec":{"template":{"spec":{"nodeSelector":null}}}}`)
	f.settle()
}

// Each role has its own Deployment, whose pods follow its own changes, and neither is ready alone. Without prefill, or
// without the NpuDeploy, nothing of them remains.
func TestPrefillAndDecodeAreTwoDeployments(t *testing.T) {
	f := newFixture(t)
	const prefill = "prefill: {replicas: 2, accelerator: {type: nvidia, count: 2}}"
	disaggregated := replace("accelerator: {type: atom, count: 1}", "accelerator: {type: nvidia, count: 1}\n  "+prefill, "kind: VirtualService", "kind: InferencePool")
	f.Apply(disaggregated)
	f.settle()
	if status := f.web().Status; status.Replicas != 1 || status.ReplicaSummary != "1/1" || status.Accelerator.Count != 1 {
		t.Errorf("the status is not that of the pods that answer requests: %+v", status)
	}
	const ready = "decode: 1 of 1 pods are ready; prefill: 2 of 2 pods are ready"
	if got := f.Condition(f.web(), v1.ConditionReady).Message; got != ready {
		t.Errorf("message %q, want %q", got, ready)
	}

	before := f.Find(deployment, "web-decode").GetGeneration()
	f.Apply(strings.Replace(disaggregated, "count: 2", "count: 16", 1))
	failed := f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonNoFreeDevice)
	if !strings.HasPrefix(failed.Message, "prefill: ") || !strings.Contains(failed.Message, "16 nvidia.com/gpu requested") {
		t.Errorf("message %q", failed.Message)
	}
	if after := f.Find(deployment, "web-decode").GetGeneration(); after != before {
		t.Errorf("a change of prefill changed the other Deployment: generation %d, then %d", before, after)
	}
	f.Apply(disaggregated)
	f.settle()

	f.Patch(f.Find(deployment, "web-prefill"), `{"spec":{"replicas":1}}`)
	prefilling := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "web-prefill"}}
	f.AwaitObject(prefilling, "two replicas again", func() bool { return *prefilling.Spec.Replicas == 2 })

	f.Apply(strings.Replace(disaggregated, prefill, "", 1))
	f.AwaitGone(f.Object(deployment, "web-decode"))
	f.AwaitGone(f.Object(deployment, "web-prefill"))
	f.settle()
	f.Apply(disaggregated)
	f.AwaitGone(f.Object(deployment, "web"))
	f.settle()
	objects := []*unstructured.Unstructured{
		f.Object(deployment, "web-decode"), f.Object(deployment, "web-prefill"), f.Object(disruptionBudget, "web-prefill"),
		f.Object(service, "web"), f.Object(serviceAccount, "web"), f.Object(inferencePool, "web"), f.Object(httpRoute, "web"),
		f.Object(deployment, "web-epp"), f.Object(service, "web-epp"), f.Object(serviceAccount, "web-epp"), f.Object(roleBinding, "web-epp"),
	}
	for _, object := range objects {
		if !f.Get(object) {
			t.Errorf("no %s %s exists", object.GetKind(), object.GetName())
		}
	}
	f.Delete(f.web())
	for _, object := range objects {
		f.AwaitGone(object)
	}
	for _, selector := range []string{v1.LabelDeploy + "=web", v1.LabelPicker + "=web"} {
		f.Await("no pods with "+selector, func() bool {
			return f.Kubectl("get", "pods,replicasets", "-n", f.Namespace, "-l", selector, "-o", "name") == ""
		})
	}
}

func TestInvalidSpecKeepsTheRunningObjects(t *testing.T) {
	f := newReady(t)
	f.Apply(replace("type: atom, count: 1", "type: atom, count: 3"))
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonInvalidSpec)
	f.AwaitQuiet(f.Harness, f.Namespace, 300*time.Millisecond)
	if f.Find(virtualService, "web") == nil || f.Find(deployment, "web") == nil {
		t.Error("children were pruned after a render error")
	}
	if condition := f.Condition(f.web(), v1.ConditionReady); condition.Status != metav1.ConditionFalse {
		t.Errorf("ready is %s", condition.Status)
	}
}

func TestUnownedServiceIsAdoptedOnlyByAnnotation(t *testing.T) {
	f := newFixture(t)
	f.Create(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "web"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
	}, client.FieldOwner("helm"))
	f.Apply(manifest)
	condition := f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonConflict)
	if !strings.Contains(condition.Message, `"helm"`) || !strings.Contains(condition.Message, "Service web") {
		t.Errorf("message %q", condition.Message)
	}
	f.Patch(f.Find(service, "web"), `{"metadata":{"annotations":{"dudaji.com/adopt":"web"}}}`)
	f.settle()
	if !f.isOwned(service) {
		t.Error("the service was not adopted")
	}
}

// A restored NpuDeploy takes over what the deleted one of its name left behind, with its host.
func TestOrphansAreAdoptedWithTheirHost(t *testing.T) {
	f := newReady(t)
	f.Delete(f.web(), client.PropagationPolicy(metav1.DeletePropagationOrphan))
	f.AwaitGone(f.NpuDeploy("web"))
	f.Apply(manifest)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionFalse, v1.ReasonHostTaken)
	kinds := []schema.GroupVersionKind{serviceAccount, service, deployment, virtualService}
	for _, kind := range kinds {
		f.Patch(f.Find(kind, "web"), `{"metadata":{"annotations":{"dudaji.com/adopt":"web"}}}`)
	}
	f.settle()
	for _, kind := range kinds {
		if !f.isOwned(kind) {
			t.Errorf("the %s was not adopted", kind.Kind)
		}
	}
}

func TestReplicasOfAnAutoscalerAreKept(t *testing.T) {
	f := newFixture(t)
	f.Apply(replace("replicas: 1", "replicas: 3"))
	f.settle()
	f.Apply(replace("inferenceServer: {replicas: 1}", "inferenceServer: {inferencePort: 8000}"))
	f.settle()
	if got := f.web().Status.ReadyReplicas; got != 3 {
		t.Fatalf("%d pods after the hand-over, want 3", got)
	}
	f.scale(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "web"}}, 2)
	f.awaitReplicas(2)
	f.settle()
	if got := f.web().Status.ReadyReplicas; got != 2 {
		t.Errorf("%d pods, want the autoscaler's 2", got)
	}
}

// scale reads a scale subresource and writes another number, as an autoscaler does.
func (f *fixture) scale(target client.Object, replicas int32) {
	f.Helper()
	scale := &autoscalingv1.Scale{}
	f.Must(f.Client.SubResource("scale").Get(f.Context(), target, scale))
	if scale.Status.Selector == "" || scale.Status.Replicas != scale.Spec.Replicas {
		f.Errorf("the scale is %+v", scale)
	}
	scale.Spec.Replicas = replicas
	f.Must(f.Client.SubResource("scale").Update(f.Context(), target, client.WithSubResourceBody(scale)))
}

func TestAutoscalerScalesTheNpuDeploy(t *testing.T) {
	f := newReady(t)
	f.scale(f.web(), 2)
	f.awaitReplicas(2)
	if got := *f.web().Spec.InferenceServer.Replicas; got != 2 {
		t.Errorf("the spec says %d", got)
	}
}

func TestOwnedObjectsAreDeletedWithTheirOwner(t *testing.T) {
	f := newReady(t)
	f.Delete(f.NpuDeploy("web"))
	for _, kind := range []schema.GroupVersionKind{service, deployment, virtualService} {
		f.AwaitGone(f.Object(kind, "web"))
	}
}

func TestHundredDeploysBecomeReady(t *testing.T) {
	f := newFixture(t)
	const count = 100
	for i := range count {
		f.Apply(replace("name: web", fmt.Sprintf("name: web-%d", i), "host: web.", fmt.Sprintf("host: web-%d.", i)))
	}
	for i := range count {
		f.AwaitCondition(f.NpuDeploy(fmt.Sprintf("web-%d", i)), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	}
}

func TestContentionReportsTheOtherManager(t *testing.T) {
	f := newReady(t)
	f.Await("the contention to be reported", func() bool {
		f.Patch(f.Find(service, "web"), `{"spec":{"selector":{"app":"other"}}}`)
		condition := f.Condition(f.web(), v1.ConditionApplied)
		return condition.Reason == v1.ReasonContested && strings.Contains(condition.Message, `"gitops"`)
	})
	before := len(f.Writes(f.Namespace))
	f.AwaitQuiet(f.Harness, f.Namespace, time.Second)
	if wrote := len(f.Writes(f.Namespace)) - before; wrote > 3 {
		t.Errorf("%d writes in a second of contention", wrote)
	}
}

func TestHostBelongsToTheOlderDeploy(t *testing.T) {
	f := newReady(t)
	f.AwaitNewer(f.web())
	f.Apply(replace("name: web}", "name: late}"))
	condition := f.AwaitCondition(f.NpuDeploy("late"), v1.ConditionEndpoint, metav1.ConditionFalse, v1.ReasonHostTaken)
	if !strings.Contains(condition.Message, f.Namespace+"/web") {
		t.Errorf("message %q", condition.Message)
	}
	f.AwaitCondition(f.NpuDeploy("late"), v1.ConditionAvailable, metav1.ConditionTrue, v1.ReasonAvailable)
	if f.Find(virtualService, "late") != nil {
		t.Error("there are two routes for one host")
	}
	f.Delete(f.NpuDeploy("web"))
	start := time.Now()
	f.AwaitCondition(f.NpuDeploy("late"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
	if took := time.Since(start); took > 3*soon {
		t.Errorf("the host was passed on after %s", took)
	}
}

func TestConditionTransitionEmitsAnEvent(t *testing.T) {
	f := newReady(t)
	f.Apply(replace("type: atom, count: 1", "type: atom, count: 3"))
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonInvalidSpec)
	f.Await("the event", func() bool { return slices.Contains(f.events("web"), "Warning "+v1.ReasonInvalidSpec) })
	for _, event := range f.events("web") {
		if strings.HasPrefix(event, "Warning") && event != "Warning "+v1.ReasonInvalidSpec {
			t.Errorf("a start emitted %q", event)
		}
	}
}

// events returns the type and the reason of an object's events.
func (f *fixture) events(name string) []string {
	f.Helper()
	list := &eventsv1.EventList{}
	f.Must(f.Client.List(f.Context(), list, client.InNamespace(f.Namespace)))
	var lines []string
	for i := range list.Items {
		if list.Items[i].Regarding.Name == name {
			lines = append(lines, list.Items[i].Type+" "+list.Items[i].Reason)
		}
	}
	return lines
}
