package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestSpecBecomesReady(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service, deployment, virtualService} {
		if r.find(kind, "web") == nil {
			t.Errorf("no %s exists", kind.Kind)
		}
	}
	status := r.deploy("web").Status
	if status.ReadyReplicas != 1 || !strings.HasSuffix(status.URL, "web."+r.namespace+".example") || status.Accelerator.Type != "atom" {
		t.Errorf("status %+v", status)
	}
	for _, entry := range status.Inventory {
		if entry.UID == "" || entry.Digest == "" {
			t.Errorf("inventory entry %+v", entry)
		}
	}
}

func TestNoRequestsWhenNothingChanged(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.Quiet(t, r.namespace, soon) // Events of a busy machine are late.
	before, wrote := r.Requests(r.namespace), len(r.Writes(r.namespace))
	// Events that change nothing of ours, each of which has the deployment reconciled.
	r.patch(deployment, `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	r.patch(service, `{"metadata":{"annotations":{"seen":"yes"}}}`)
	r.Quiet(t, r.namespace, time.Second)
	if asked := r.Requests(r.namespace) - before; asked != 0 {
		t.Errorf("%d requests: %v", asked, r.Writes(r.namespace)[wrote:])
	}
}

func TestChangedSpecIsRolledOut(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.user(with("replicas: 1", "replicas: 2"))
	r.settle()
	if got := r.deploy("web").Status.ReadyReplicas; got != 2 {
		t.Errorf("%d pods are ready, want 2", got)
	}
}

func TestDriftOfAnyOwnedObjectIsCorrectedSoon(t *testing.T) {
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service, deployment, virtualService} {
		for name, drift := range map[string]func(r *room, object *unstructured.Unstructured){
			"edited": func(r *room, _ *unstructured.Unstructured) {
				r.patch(kind, `{"metadata":{"labels":{"app.kubernetes.io/instance":"other"}}}`)
			},
			"label removed": func(r *room, _ *unstructured.Unstructured) {
				r.patch(kind, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`)
			},
			"owner reference removed": func(r *room, _ *unstructured.Unstructured) {
				r.patch(kind, `{"metadata":{"ownerReferences":null}}`)
			},
			"deleted": func(r *room, object *unstructured.Unstructured) {
				if err := r.client.Delete(r.Context(), object); err != nil {
					r.Fatal(err)
				}
			},
		} {
			t.Run(kind.Kind+" "+name, func(t *testing.T) {
				r := newRoom(t)
				r.user(aDeploy)
				r.settle()
				drift(r, r.find(kind, "web"))
				start := time.Now()
				r.await("the drift to be corrected", func() bool { return r.isWhole(kind) },
					func() any { return r.find(kind, "web") })
				// A second is the promise; a machine that runs other tests gets more.
				if took := time.Since(start); took > 3*soon {
					t.Errorf("corrected after %s", took)
				}
			})
		}
	}
}

func (r *room) isWhole(kind schema.GroupVersionKind) bool {
	object := r.find(kind, "web")
	return object != nil && object.GetDeletionTimestamp() == nil && len(object.GetOwnerReferences()) == 1 &&
		object.GetLabels()[apply.LabelManagedBy] == apply.ManagedBy &&
		object.GetLabels()["app.kubernetes.io/instance"] == "web"
}

func TestRemovedRouteIsPruned(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.user(with("  endpoint: {host: web.NAMESPACE.example, kind: VirtualService}\n", "  endpoint: {kind: None}\n"))
	r.awaitReason("web", v1.ConditionEndpoint, v1.ReasonNoEndpoint)
	r.await("the route to go", func() bool { return r.find(virtualService, "web") == nil }, func() any { return nil })
}

func TestInvalidSpecKeepsTheRunningObjects(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.user(with("type: atom, count: 1", "type: atom, count: 3"))
	r.awaitReason("web", v1.ConditionRendered, v1.ReasonInvalidSpec)
	r.Quiet(t, r.namespace, 300*time.Millisecond)
	if r.find(virtualService, "web") == nil || r.find(deployment, "web") == nil {
		t.Error("children were pruned after a render error")
	}
	if condition := meta.FindStatusCondition(r.deploy("web").Status.Conditions, v1.ConditionReady); condition.Status != "False" {
		t.Errorf("ready is %s", condition.Status)
	}
}

func TestUnownedServiceIsAdoptedOnlyByAnnotation(t *testing.T) {
	r := newRoom(t)
	foreign := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "web"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
	}
	if err := r.client.Create(t.Context(), foreign, client.FieldOwner("helm")); err != nil {
		t.Fatal(err)
	}
	r.user(aDeploy)
	condition := r.awaitReason("web", v1.ConditionApplied, v1.ReasonConflict)
	if !strings.Contains(condition.Message, `"helm"`) || !strings.Contains(condition.Message, "Service web") {
		t.Errorf("message %q", condition.Message)
	}
	r.patch(service, `{"metadata":{"annotations":{"dudaji.com/adopt":"web"}}}`)
	r.settle()
	if !r.isWhole(service) {
		t.Error("the service was not adopted")
	}
}

func TestReplicasOfAnAutoscalerAreKept(t *testing.T) {
	r := newRoom(t)
	r.user(with("replicas: 1", "replicas: 3"))
	r.settle()
	r.user(with("inferenceServer: {replicas: 1}", "inferenceServer: {inferencePort: 8000}"))
	r.settle()
	if got := r.deploy("web").Status.ReadyReplicas; got != 3 {
		t.Fatalf("%d pods after the hand-over, want 3", got)
	}
	r.scale(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "web"}}, 2)
	r.await("two pods", func() bool { return r.deploy("web").Status.ReadyReplicas == 2 }, func() any { return r.deploy("web").Status })
	r.settle()
	if got := r.deploy("web").Status.ReadyReplicas; got != 2 {
		t.Errorf("%d pods, want the autoscaler's 2", got)
	}
}

// scale reads a scale subresource and writes another number, as an autoscaler does.
func (r *room) scale(target client.Object, replicas int32) {
	r.Helper()
	scale := &autoscalingv1.Scale{}
	if err := r.client.SubResource("scale").Get(r.Context(), target, scale); err != nil {
		r.Fatal(err)
	}
	if scale.Status.Selector == "" || scale.Status.Replicas != scale.Spec.Replicas {
		r.Errorf("the scale is %+v", scale)
	}
	scale.Spec.Replicas = replicas
	if err := r.client.SubResource("scale").Update(r.Context(), target, client.WithSubResourceBody(scale)); err != nil {
		r.Fatal(err)
	}
}

func TestAutoscalerScalesTheNpuDeploy(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.scale(r.deploy("web"), 2)
	r.await("two pods", func() bool { return r.deploy("web").Status.ReadyReplicas == 2 }, func() any { return r.deploy("web").Status })
	if got := *r.deploy("web").Spec.InferenceServer.Replicas; got != 2 {
		t.Errorf("the spec says %d", got)
	}
}

func TestOwnedObjectsAreDeletedWithTheirOwner(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	if err := r.client.Delete(t.Context(), r.deploy("web")); err != nil {
		t.Fatal(err)
	}
	r.await("the children to go", func() bool {
		return r.find(service, "web") == nil && r.find(deployment, "web") == nil && r.find(virtualService, "web") == nil
	}, func() any { return nil })
}

func TestHundredDeploysBecomeReady(t *testing.T) {
	r := newRoom(t)
	const many = 100
	for i := range many {
		r.user(with("name: web", fmt.Sprintf("name: web-%d", i), "host: web.", fmt.Sprintf("host: web-%d.", i)))
	}
	ready := func() int {
		var list v1.NpuDeployList
		if err := r.client.List(t.Context(), &list, client.InNamespace(r.namespace)); err != nil {
			t.Fatal(err)
		}
		count := 0
		for i := range list.Items {
			if meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, v1.ConditionReady) {
				count++
			}
		}
		return count
	}
	r.await("all to be ready", func() bool { return ready() == many }, func() any { return ready() })
}

func TestContentionReportsTheOtherManager(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.await("the contention to be reported", func() bool {
		r.patch(service, `{"spec":{"selector":{"app":"other"}}}`)
		condition := meta.FindStatusCondition(r.deploy("web").Status.Conditions, v1.ConditionApplied)
		return condition.Reason == v1.ReasonContested && strings.Contains(condition.Message, `"gitops"`)
	}, func() any { return r.deploy("web").Status.Conditions })
	before := len(r.Writes(r.namespace))
	r.Quiet(t, r.namespace, time.Second)
	if wrote := len(r.Writes(r.namespace)) - before; wrote > 3 {
		t.Errorf("%d writes in a second of contention", wrote)
	}
}

func TestHostBelongsToTheOlderDeploy(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.user(with("name: web,", "name: late,"))
	condition := r.awaitReason("late", v1.ConditionEndpoint, v1.ReasonHostTaken)
	if !strings.Contains(condition.Message, r.namespace+"/web") {
		t.Errorf("message %q", condition.Message)
	}
	r.awaitReason("late", v1.ConditionAvailable, v1.ReasonAvailable)
	if r.find(virtualService, "late") != nil {
		t.Error("there are two routes for one host")
	}
	if err := r.client.Delete(t.Context(), r.deploy("web")); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r.awaitReason("late", v1.ConditionEndpoint, v1.ReasonRouted)
	if took := time.Since(start); took > 3*soon {
		t.Errorf("the host was passed on after %s", took)
	}
}

func TestConditionTransitionEmitsAnEvent(t *testing.T) {
	r := newRoom(t)
	r.user(aDeploy)
	r.settle()
	r.user(with("type: atom, count: 1", "type: atom, count: 3"))
	r.awaitReason("web", v1.ConditionRendered, v1.ReasonInvalidSpec)
	seen := func() []string { return r.events("web") }
	r.await("the event", func() bool { return strings.Contains(fmt.Sprint(seen()), "Warning "+v1.ReasonInvalidSpec) },
		func() any { return seen() })
	if strings.Contains(fmt.Sprint(seen()), v1.ReasonProgressing) {
		t.Errorf("events %q include a start", seen())
	}
}

func (r *room) events(name string) []string {
	r.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "events.k8s.io", Version: "v1", Kind: "EventList"})
	if err := r.client.List(r.Context(), list, client.InNamespace(r.namespace)); err != nil {
		r.Fatal(err)
	}
	var lines []string
	for _, item := range list.Items {
		about, _, _ := unstructured.NestedString(item.Object, "regarding", "name")
		kind, _, _ := unstructured.NestedString(item.Object, "type")
		reason, _, _ := unstructured.NestedString(item.Object, "reason")
		if about == name {
			lines = append(lines, kind+" "+reason)
		}
	}
	return lines
}
