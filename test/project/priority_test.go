package project_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// createPriorityClass returns the name of one that no other test has.
func (f *fixture) createPriorityClass(name string, value int32) string {
	f.Helper()
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: f.name + "-" + name}, Value: value}
	f.Create(class)
	return class.Name
}

// awaitPods waits until the project has pods, all of the priority class.
func (f *fixture) awaitPods(class string) {
	f.Helper()
	f.Await("pods of the class "+class, func() bool {
		pods := &corev1.PodList{}
		f.Must(f.Client.List(f.Context(), pods, client.InNamespace(f.name)))
		for i := range pods.Items {
			if pods.Items[i].Spec.PriorityClassName != class {
				return false
			}
		}
		return len(pods.Items) > 0
	})
}

func TestDeploysFollowThePriorityClassOfTheirProject(t *testing.T) {
	f := newFixture(t)
	low, high := f.createPriorityClass("low", 1), f.createPriorityClass("high", 2)
	f.applyReady("{defaultPriorityClass: " + low + "}")
	if err := f.createDeploy("web." + f.name + ".example"); err != nil {
		t.Fatal(err)
	}
	f.awaitPods(low)
	f.applyReady("{defaultPriorityClass: " + high + "}")
	f.awaitPods(high)

	// The namespace and what is in it stay.
	f.Delete(f.project(), client.PropagationPolicy(metav1.DeletePropagationOrphan))
	f.awaitPods("")
}

func TestUnrelatedProjectChangeDoesNotAffectDeploys(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{defaultPriorityClass: " + f.createPriorityClass("low", 1) + "}")
	if err := f.createDeploy("web." + f.name + ".example"); err != nil {
		t.Fatal(err)
	}
	f.awaitRouted()
	f.AwaitQuiet(f.Harness, f.name, time.Second)
	generation := f.child(deployment, "web").GetGeneration()
	wrote := len(f.Writes(f.name))
	f.applyReady("{displayName: Other, defaultPriorityClass: " + f.name + "-low}")
	f.AwaitQuiet(f.Harness, f.name, time.Second)
	if now := f.child(deployment, "web").GetGeneration(); now != generation {
		t.Errorf("the deployment was changed: %v", f.Writes(f.name)[wrote:])
	}
}
