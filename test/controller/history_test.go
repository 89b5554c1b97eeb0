package controller_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/history"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// revisions returns the model of each stored revision, the oldest first.
func (f *fixture) revisions() string {
	f.Helper()
	var models []string
	for _, revision := range f.stored() {
		models = append(models, revision.Spec.Model)
		if revision.ChangedBy == "" {
			f.Errorf("revision %d has no field manager", revision.Number)
		}
	}
	return strings.Join(models, " ")
}

// counts returns the number of devices of each stored revision.
func (f *fixture) counts() string {
	f.Helper()
	var counts []string
	for _, revision := range f.stored() {
		counts = append(counts, strconv.Itoa(int(*revision.Spec.Accelerator.Count)))
	}
	return strings.Join(counts, " ")
}

func (f *fixture) stored() []history.Revision {
	f.Helper()
	var list appsv1.ControllerRevisionList
	f.Must(f.Client.List(f.Context(), &list, client.InNamespace(f.Namespace)))
	return history.Stored(f.web(), list.Items)
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

func TestSpecsThatDoNotRenderAreNotRecorded(t *testing.T) {
	f := newReady(t)
	for _, count := range []string{"3", "5"} {
		f.Apply(replace("count: 1", "count: "+count))
		f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonInvalidSpec)
		f.AwaitQuiet(f.Harness, f.Namespace, 500*time.Millisecond)
		if counts, writes := f.counts(), f.writesOfRevisions(); counts != "1" || writes != 1 {
			t.Errorf("after %s: the counts of the revisions are %q, of %d writes", count, counts, writes)
		}
	}
	f.Apply(replace("count: 1", "count: 2"))
	f.settle()
	if counts, writes := f.counts(), f.writesOfRevisions(); counts != "1 2" || writes != 2 {
		t.Errorf("the counts of the revisions are %q, of %d writes", counts, writes)
	}
}

func TestRemovedFieldHasNoManager(t *testing.T) {
	f := newReady(t)
	f.Apply(replace("model: org/model", "model: org/model\n  modelSize: 1Gi"))
	f.settle()
	f.Must(f.Client.Patch(f.Context(), f.NpuDeploy("web"), client.RawPatch(types.JSONPatchType, []byte(`[{"op": "remove", "path": "/spec/modelSize"}]`)), client.FieldOwner("alice")))
	f.settle()
	revisions := f.stored()
	if newest := revisions[len(revisions)-1]; newest.Spec.ModelSize != "" || newest.ChangedBy != "" || newest.ChangedAt == nil {
		t.Errorf("the newest revision was changed by %q at %v and is %+v", newest.ChangedBy, newest.ChangedAt, newest.Spec)
	}
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
