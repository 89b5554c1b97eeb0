package project_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// priorityClass makes one of the room's, and returns its name.
func (r *room) priorityClass(name string, value int32) string {
	r.Helper()
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: r.name + "-" + name}, Value: value}
	if err := r.client.Create(r.Context(), class); err != nil {
		r.Fatal(err)
	}
	return class.Name
}

// awaitPodsOf waits until all pods of the room, and there are some, have a priority class.
func (r *room) awaitPodsOf(class string) {
	r.Helper()
	pods := &corev1.PodList{}
	classes := func() (found []string) {
		if err := r.client.List(r.Context(), pods, client.InNamespace(r.name)); err != nil {
			r.Fatal(err)
		}
		for _, pod := range pods.Items {
			found = append(found, pod.Spec.PriorityClassName)
		}
		return found
	}
	r.await("pods of the class "+class, func() bool {
		found := classes()
		for _, other := range found {
			if other != class {
				return false
			}
		}
		return len(found) > 0
	}, func() any { return classes() })
}

func TestDeploysFollowThePriorityClassOfTheirProject(t *testing.T) {
	r := newRoom(t, "priority")
	low, high := r.priorityClass("low", 1), r.priorityClass("high", 2)
	r.project("{defaultPriorityClass: " + low + "}")
	if err := r.serve("web." + r.name + ".example"); err != nil {
		t.Fatal(err)
	}
	r.awaitPodsOf(low)
	r.project("{defaultPriorityClass: " + high + "}")
	r.awaitPodsOf(high)

	// The namespace and what is in it stay.
	project := &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: r.name}}
	if err := r.client.Delete(r.Context(), project, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	r.awaitPodsOf("")
}

func TestUnrelatedProjectChangeDoesNotAffectDeploys(t *testing.T) {
	r := newRoom(t, "calm")
	r.project("{defaultPriorityClass: " + r.priorityClass("low", 1) + "}")
	if err := r.serve("web." + r.name + ".example"); err != nil {
		t.Fatal(err)
	}
	r.awaitEndpoint(v1.ReasonRouted)
	r.Quiet(t, r.name, time.Second)
	generation := r.child(deployment, "web").GetGeneration()
	wrote := len(r.Writes(r.name))
	r.project("{displayName: Calm, defaultPriorityClass: " + r.name + "-low}")
	r.Quiet(t, r.name, time.Second)
	if now := r.child(deployment, "web").GetGeneration(); now != generation {
		t.Errorf("the deployment was changed: %v", r.Writes(r.name)[wrote:])
	}
}

var deployment = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
