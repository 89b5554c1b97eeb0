package groups_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// plainSet is a LeaderWorkerSet that is not NuFi's.
const plainSet = `
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: plain, annotations: {note: "1"}}
spec:
  replicas: 1
  leaderWorkerTemplate:
    size: 2
    restartPolicy: RecreateGroupAfterStart
    workerTemplate:
      metadata: {labels: {set: plain, version: "1"}}
      spec:
        nodeSelector: {test: NAMESPACE}
        initContainers: [{name: download, image: example.com/download:v1}]
        containers: [{name: server, image: example.com/server:v1}]
`

// plainPods returns the UIDs of the pods of plainSet, once it has so many ready groups of its last generation.
func (f fixture) plainPods(groups int) map[types.UID]string {
	f.Helper()
	set := f.Object(setKind, "plain")
	f.AwaitObject(set, "ready groups of the last generation", func() bool {
		observed, _, _ := unstructured.NestedInt64(set.Object, "status", "observedGeneration")
		updated, _, _ := unstructured.NestedInt64(set.Object, "status", "updatedReplicas")
		ready, _, _ := unstructured.NestedInt64(set.Object, "status", "readyReplicas")
		return observed == set.GetGeneration() && updated == int64(groups) && ready == int64(groups)
	})
	uids := map[types.UID]string{}
	for _, pod := range f.Pods() {
		if pod.Labels["set"] == "plain" && pod.DeletionTimestamp == nil {
			uids[pod.UID] = pod.Name
		}
	}
	return uids
}

// retryInitContainer records that the init container of a pod was repeated once.
func (f fixture) retryInitContainer(name string) {
	f.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: name}}
	const status = `{"status": {"initContainerStatuses": [{"name": "download", "image": "example.com/download:v1", "imageID": "", "ready": true,
		"restartCount": 1, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}]}}`
	f.Must(f.Client.Status().Patch(f.Context(), pod, client.RawPatch(types.MergePatchType, []byte(status))))
}

func TestPlannedEffectIsTheEffectOnGroups(t *testing.T) {
	f := newFixture(t, "a")
	f.Apply(plainSet)
	pods, manifest := f.plainPods(1), plainSet
	for _, change := range []struct {
		from, to     string
		groups, size int
		effect       render.Effect
	}{
		{`note: "1"`, `note: "2"`, 1, 2, render.InPlace},
		{`version: "1"`, `version: "2"`, 1, 2, render.Restart},
		{"RecreateGroupAfterStart", "RecreateGroupOnPodRestart", 1, 2, render.Restart},
		{"replicas: 1", "replicas: 2", 2, 2, render.InPlace},
		{"size: 2", "size: 3", 2, 3, render.Restart},
	} {
		next := strings.Replace(manifest, change.from, change.to, 1)
		resultOf := func(text string) *render.Result {
			return &render.Result{Manifests: render.Manifests{Objects: f.Parse(text)}}
		}
		if effect, _ := render.Compare(resultOf(manifest), resultOf(next)); effect != change.effect {
			t.Errorf("%s: the effect is %s, want %s", change.to, effect, change.effect)
		}
		f.Apply(next)
		after := f.plainPods(change.groups)
		kept := 0
		for uid := range after {
			if pods[uid] != "" {
				kept++
			}
		}
		if wantKept := map[render.Effect]int{render.InPlace: 2}[change.effect]; kept != wantKept || len(after) != change.size*change.groups {
			t.Errorf("%s: %d of %d pods are kept, want %d", change.to, kept, len(after), wantKept)
		}
		pods, manifest = after, next
	}
	// It keeps no earlier revision: nufi rollout undo does not depend on it.
	f.Await("the earlier revisions to be deleted", func() bool {
		var revisions appsv1.ControllerRevisionList
		f.Must(f.Client.List(t.Context(), &revisions, client.InNamespace(f.Namespace), client.MatchingLabels{"leaderworkerset.sigs.k8s.io/name": "plain"}))
		owned := 0
		for i := range revisions.Items {
			if owner := metav1.GetControllerOf(&revisions.Items[i]); owner != nil && owner.Kind == setKind.Kind {
				owned++
			}
		}
		return owned == 1
	})
}

// With the policy for groups without init containers, LeaderWorkerSet recreates a group that has started
// because an init container was repeated.
func TestRepeatedInitContainerDoesNotRecreateTheGroup(t *testing.T) {
	f := newFixture(t, "a")
	f.Apply(plainSet)
	plain := f.plainPods(1)
	f.apply(", initContainers: [{name: download, image: 'example.com/download:v1'}]")
	f.AwaitReady("web", "1/1")
	before := f.PodNames()
	f.retryInitContainer("web-lws-0-1")
	f.retryInitContainer("plain-0-1")
	f.Await("the other group to be recreated", func() bool {
		current := f.PodNames()
		for uid := range plain {
			if current[uid] != "" {
				return false
			}
		}
		return true
	})
	after := f.PodNames()
	for uid, name := range before {
		if strings.HasPrefix(name, "web-") && after[uid] == "" {
			t.Errorf("pod %s was deleted", name)
		}
	}
}

func TestServiceWithTheNameOfAGroupIsReported(t *testing.T) {
	f := newFixture(t)
	f.Apply("apiVersion: v1\nkind: Service\nmetadata: {name: web-lws}\nspec: {ports: [{port: 80}]}\n")
	f.apply("")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonConflict)
	deploy := f.deploy()
	f.Get(deploy)
	want := "Service web-lws: exists, and LeaderWorkerSet web-lws would use it for the names of its pods: delete it, or rename the NpuDeploy"
	if text := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionApplied).Message; !strings.Contains(text, want) {
		t.Errorf("the message is %s", text)
	}
}
