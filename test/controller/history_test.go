package controller_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/history"
)

// revisions returns the model of each stored revision, the oldest first.
func (f *fixture) revisions() string {
	f.Helper()
	var list appsv1.ControllerRevisionList
	f.Must(f.Client.List(f.Context(), &list, client.InNamespace(f.Namespace)))
	var models []string
	for _, revision := range history.Stored(f.web(), list.Items) {
		models = append(models, revision.Spec.Model)
		if revision.ChangedBy == "" {
			f.Errorf("revision %d has no field manager", revision.Number)
		}
	}
	return strings.Join(models, " ")
}

func (f *fixture) writesOfRevisions() int {
	writes := f.Writes(f.Namespace)
	return len(writes) - len(slices.DeleteFunc(writes, func(write string) bool { return strings.Contains(write, "controllerrevisions") }))
}

func TestChangedSpecsAreRecorded(t *testing.T) {
	f := newReady(t)
	if writes := f.writesOfRevisions(); writes != 0 {
		t.Errorf("%d writes of revisions before the first change", writes)
	}
	f.Apply(replace("replicas: 1", "replicas: 2"))
	f.settle()
	if writes := f.writesOfRevisions(); writes != 0 {
		t.Errorf("%d writes of revisions for a change of replicas", writes)
	}
	for _, step := range []struct {
		model, revisions string
		writes           int
	}{
		{"org/other", "org/model org/other", 2},
		{"org/third", "org/model org/other org/third", 3},
		{"org/model", "org/other org/third org/model", 4},
	} {
		f.Apply(strings.Replace(manifest, "org/model", step.model, 1))
		f.settle()
		if got := f.revisions(); got != step.revisions {
			t.Errorf("the revisions are %q, want %q", got, step.revisions)
		}
		if writes := f.writesOfRevisions(); writes != step.writes {
			t.Errorf("%d writes of revisions, want %d", writes, step.writes)
		}
	}
	f.Delete(f.web())
	f.Await("the revisions to be deleted", func() bool {
		var list appsv1.ControllerRevisionList
		f.Must(f.Client.List(f.Context(), &list, client.InNamespace(f.Namespace)))
		return len(list.Items) == 0
	})
}

func TestRestartOfADeploymentIsKept(t *testing.T) {
	f := newReady(t)
	f.Kubectl("rollout", "restart", "deployment/web", "-n", f.Namespace)
	f.settle()
	f.Patch(f.Find(service, "web"), `{"metadata":{"labels":{"app.kubernetes.io/instance":"other"}}}`) // drift
	f.settle()
	f.Kubectl("rollout", "status", "deployment/web", "-n", f.Namespace)
	annotations, _, err := unstructured.NestedStringMap(f.Find(deployment, "web").Object, "spec", "template", "metadata", "annotations")
	f.Must(err)
	if annotations["kubectl.kubernetes.io/restartedAt"] == "" {
		t.Errorf("the restart was undone: the annotations are %v", annotations)
	}
	if got := f.web().Status.ReadyReplicas; got != 1 {
		t.Errorf("%d pods are ready, want 1", got)
	}
}
