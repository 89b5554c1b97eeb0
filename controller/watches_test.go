package controller

import (
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestEventWithoutAChangeOfCachedFieldsIsIgnored(t *testing.T) {
	t.Parallel()
	revision := func(version, revision string) client.Object {
		set := newReplicaSet()
		set.ResourceVersion, set.Annotations = version, map[string]string{status.AnnotationRevision: revision}
		return set
	}
	pod := func(version string, phase corev1.PodPhase) client.Object {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{ResourceVersion: version}, Status: corev1.PodStatus{Phase: phase}}
	}
	for name, c := range map[string]struct {
		before, after client.Object
		want          bool
	}{
		"status of a ReplicaSet":   {revision("1", "1"), revision("2", "1"), true},
		"revision of a ReplicaSet": {revision("1", "1"), revision("2", "2"), false},
		"nothing of a pod":         {pod("1", corev1.PodPending), pod("2", corev1.PodPending), true},
		"status of a pod":          {pod("1", corev1.PodPending), pod("2", corev1.PodRunning), false},
		"order of a pod's devices": {podWith(t, "1", "npu0", "npu1"), podWith(t, "2", "npu1", "npu0"), true},
		"another kind":             {&corev1.Node{}, &corev1.Node{}, false},
	} {
		if got := isSame(c.before, c.after); got != c.want {
			t.Errorf("%s: the same: %t, want %t", name, got, c.want)
		}
	}
}

// podWith returns a pod with devices as the cache has it. The kubelet (1.37) writes their health in random order, about once a minute.
func podWith(t *testing.T, version string, devices ...corev1.ResourceID) client.Object {
	t.Helper()
	health := corev1.ResourceStatus{Name: "rebellions.ai/ATOM"}
	for _, device := range devices {
		health.Resources = append(health.Resources, corev1.ResourceHealth{ResourceID: device, Health: corev1.ResourceHealthStatusHealthy})
	}
	stripped, err := scheduling.StripPodSpec(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{ResourceVersion: version},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{AllocatedResourcesStatus: []corev1.ResourceStatus{health}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return stripped.(client.Object)
}

// A fleet of thousands is compared with what runs after a start, which takes a while.
func TestSpecsThatChangedWhileNoControllerRanComeFirst(t *testing.T) {
	t.Parallel()
	owner := func(name string, generation, observed int64) *v1.NpuDeploy {
		deploy := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name, Generation: generation}}
		if observed > 0 {
			deploy.Status.Conditions = []metav1.Condition{{Type: v1.ConditionReady, ObservedGeneration: observed}}
		}
		return deploy
	}
	q := newFairQueue("test", logr.Discard(), workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	r := &reconciler[*v1.NpuDeploy]{kind: &deployKind{}}
	for _, deploy := range []*v1.NpuDeploy{owner("same", 3, 3), owner("changed", 3, 2), owner("same-2", 1, 1), owner("created", 1, 0)} {
		r.enqueueOwner().Create(t.Context(), event.CreateEvent{Object: deploy, IsInInitialList: true}, q)
	}
	var got []string
	for range 4 {
		request, _, _ := q.GetWithPriority()
		got = append(got, request.Name)
	}
	if diff := cmp.Diff([]string{"changed", "created", "same", "same-2"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestPodThatBeginsToFailIsUrgent(t *testing.T) {
	t.Parallel()
	pod := func(reason string) client.Object {
		waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: waiting}}}}
	}
	for name, c := range map[string]struct {
		before, after client.Object
		want          bool
	}{
		"crash loop":             {&corev1.Pod{}, pod("CrashLoopBackOff"), true},
		"image":                  {pod("ErrImagePull"), pod("ImagePullBackOff"), true},
		"crash loop as before":   {pod("CrashLoopBackOff"), pod("CrashLoopBackOff"), false},
		"container is created":   {&corev1.Pod{}, pod("ContainerCreating"), false},
		"crash loop that ended":  {pod("CrashLoopBackOff"), &corev1.Pod{}, false},
		"another kind of object": {&corev1.Node{}, &corev1.Node{}, false},
	} {
		if got := beginsToFail(c.before, c.after); got != c.want {
			t.Errorf("%s: urgent: %t, want %t", name, got, c.want)
		}
	}
}

func TestByOwnerReturnsTheControllerOrTheAdopter(t *testing.T) {
	t.Parallel()
	yes := true
	ours := metav1.OwnerReference{APIVersion: "dudaji.com/v1", Kind: "NpuDeploy", Name: "web", Controller: &yes}
	others := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "other", Controller: &yes}
	adopt := map[string]string{"dudaji.com/adopt": "adopter"}
	labels := map[string]string{"dudaji.com/npudeploy": "former"}
	for name, row := range map[string]struct {
		owners      []metav1.OwnerReference
		annotations map[string]string
		labels      map[string]string
		want        string
	}{
		"owned":                          {[]metav1.OwnerReference{ours}, nil, nil, "web"},
		"unowned":                        {nil, nil, nil, ""},
		"annotated":                      {nil, adopt, nil, "adopter"},
		"left behind":                    {nil, nil, labels, "former"},
		"annotated and owned by another": {[]metav1.OwnerReference{others}, adopt, labels, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := &unstructured.Unstructured{}
			object.SetNamespace("team")
			object.SetOwnerReferences(row.owners)
			object.SetAnnotations(row.annotations)
			object.SetLabels(row.labels)
			var want []types.NamespacedName
			if row.want != "" {
				want = []types.NamespacedName{{Namespace: "team", Name: row.want}}
			}
			if diff := cmp.Diff(want, byOwner("NpuDeploy")(t.Context(), object)); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
		})
	}
}
