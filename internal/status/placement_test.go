package status_test

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// podOfGroup returns a pod of group 0 that was created at a minute. placed is the minute of its node, or 0 without a node.
func podOfGroup(worker, created, placed int) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "web-lws-0-" + strconv.Itoa(worker), CreationTimestamp: metav1.NewTime(minute(created)),
		Labels: map[string]string{status.LabelGroup: "0", status.LabelWorker: strconv.Itoa(worker)},
	}}
	if placed > 0 {
		pod.Spec.NodeName = "node"
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(minute(placed))}}
	}
	return pod
}

func minute(number int) time.Time { return now().Add(time.Duration(number) * time.Minute) }

func TestPartialGroupHoldsDevicesSinceItsLastChange(t *testing.T) {
	deleted := podOfGroup(0, 1, 2)
	deleted.DeletionTimestamp = new(metav1.NewTime(minute(3)))
	for name, c := range map[string]struct {
		pods  []corev1.Pod
		since int // minute; 0: the group is not partial
	}{
		"all pods have a node":                 {[]corev1.Pod{podOfGroup(0, 1, 2), podOfGroup(1, 1, 3)}, 0},
		"no pod has a node":                    {[]corev1.Pod{podOfGroup(0, 1, 0), podOfGroup(1, 1, 0)}, 0},
		"the worker has none":                  {[]corev1.Pod{podOfGroup(0, 1, 5), podOfGroup(1, 2, 0)}, 5},
		"the leader has none":                  {[]corev1.Pod{podOfGroup(0, 1, 0), podOfGroup(1, 1, 4)}, 4},
		"a worker that was created again":      {[]corev1.Pod{podOfGroup(0, 1, 2), podOfGroup(1, 9, 0)}, 9},
		"a worker that could not be created":   {[]corev1.Pod{podOfGroup(0, 1, 2)}, 7},
		"a pod that is deleted with its group": {[]corev1.Pod{deleted, podOfGroup(1, 1, 0)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			observed := status.Observed{
				Deploy:   &v1.NpuDeploy{},
				Resolved: &status.Resolved{Accelerator: &v1.AcceleratorStatus{ResourceName: "nvidia.com/gpu", Count: 4}, PlacementSeconds: 60},
				Workload: status.Workload{Groups: &status.LeaderWorkerSet{}, Pods: c.pods},
			}
			observed.Deploy.Status.Conditions = []metav1.Condition{{Type: v1.ConditionAvailable, Status: metav1.ConditionFalse, LastTransitionTime: metav1.NewTime(minute(7))}}
			observed.Workload.Groups.Spec.LeaderWorkerTemplate.Size = new(int32(2))
			groups := observed.PartialGroups()
			if (len(groups) > 0) != (c.since > 0) {
				t.Fatalf("the partial groups are %+v", groups)
			}
			if len(groups) == 0 {
				return
			}
			at, isLimited := observed.Release(groups[0])
			if !groups[0].Since.Equal(minute(c.since)) || !isLimited || !at.Equal(minute(c.since+1)) {
				t.Errorf("it is partial since %s until %s, want %s", groups[0].Since, at, minute(c.since))
			}
			if text, want := observed.Describe(groups[0]), "group 0 holds 4 of its 8 nvidia.com/gpu"; text != want {
				t.Errorf("the text is %q, want %q", text, want)
			}
			observed.Resolved.PlacementSeconds = 0
			if _, isLimited := observed.Release(groups[0]); isLimited {
				t.Error("the devices are released without a limit")
			}
		})
	}
}

// podOfCluster returns a pod of a RayCluster that was created at a minute. placed is the minute of its node, or 0 without a node.
func podOfCluster(cluster, role string, created, placed int) corev1.Pod {
	pod := podOfGroup(0, created, placed)
	pod.Name = cluster + "-" + role + "-" + strconv.Itoa(created)
	pod.Labels = map[string]string{"ray.io/cluster": cluster, status.LabelRayNode: role}
	return pod
}

func TestRayClusterThatCannotBePlacedIsPartial(t *testing.T) {
	const none, active, pending = "", "web-1", "web-2"
	head, worker, waits := podOfCluster(pending, "head", 1, 2), podOfCluster(pending, "worker", 2, 5), podOfCluster(pending, "worker", 3, 0)
	served := []corev1.Pod{podOfCluster(active, "head", 1, 1), podOfCluster(active, "worker", 1, 1), podOfCluster(active, "worker", 2, 1)}
	ended := worker
	ended.Status.Phase = corev1.PodFailed
	deleted := head
	deleted.DeletionTimestamp = new(metav1.NewTime(minute(6)))
	for name, c := range map[string]struct {
		active, pending string
		pods            []corev1.Pod
		since           int // minute; 0: no cluster is partial
	}{
		"all pods have a node":              {none, pending, []corev1.Pod{head, worker, podOfCluster(pending, "worker", 3, 4)}, 0},
		"the head alone has a node":         {none, pending, []corev1.Pod{head, podOfCluster(pending, "worker", 2, 0), waits}, 0},
		"a worker has none":                 {none, pending, []corev1.Pod{head, worker, waits}, 5},
		"the head has none":                 {none, pending, []corev1.Pod{podOfCluster(pending, "head", 6, 0), worker}, 7},
		"a worker could not be created":     {none, pending, []corev1.Pod{head, worker}, 7},
		"a worker has ended":                {none, pending, []corev1.Pod{head, ended, waits}, 0},
		"a pod is deleted":                  {none, pending, []corev1.Pod{deleted, worker, waits}, 0},
		"another cluster serves":            {active, pending, append([]corev1.Pod{head, worker, waits}, served...), 5},
		"it is not known yet":               {none, none, []corev1.Pod{head, worker, waits}, 0},
		"it served, and lost a worker":      {pending, none, []corev1.Pod{head, worker, waits}, 5},
		"it has the workers of one replica": {active, none, append([]corev1.Pod{podOfCluster(active, "worker", 8, 0)}, served...), 0},
		"it lost its head":                  {active, none, append([]corev1.Pod{podOfCluster(active, "head", 8, 0)}, served[1:]...), 8},
		"another is about to take its place": {active, pending,
			append([]corev1.Pod{head, worker, podOfCluster(pending, "worker", 3, 4), podOfCluster(active, "worker", 8, 0)}, served[:2]...), 0},
	} {
		t.Run(name, func(t *testing.T) {
			observed := status.Observed{
				Deploy:   &v1.NpuDeploy{},
				Resolved: &status.Resolved{Accelerator: &v1.AcceleratorStatus{ResourceName: "nvidia.com/gpu", Count: 4}, PlacementSeconds: 60},
				Workload: status.Workload{Ray: rayService(t, c.active, c.pending), Pods: c.pods},
			}
			observed.Deploy.Status.Conditions = []metav1.Condition{{Type: v1.ConditionAvailable, Status: metav1.ConditionFalse, LastTransitionTime: metav1.NewTime(minute(7))}}
			clusters := observed.PartialGroups()
			if (len(clusters) > 0) != (c.since > 0) {
				t.Fatalf("the partial clusters are %+v", clusters)
			}
			if len(clusters) == 0 {
				return
			}
			if !clusters[0].Since.Equal(minute(c.since)) {
				t.Errorf("it is partial since %s, want %s", clusters[0].Since, minute(c.since))
			}
			slices.Reverse(observed.Workload.Pods) // A cache has no order.
			if again := observed.PartialGroups(); !reflect.DeepEqual(again, clusters) {
				t.Errorf("the clusters %+v become %+v", clusters, again)
			}
			for _, pod := range clusters[0].Pods {
				if pod.Labels[status.LabelRayNode] != "worker" {
					t.Errorf("pod %s, which has no devices, is released", pod.Name)
				}
			}
		})
	}
}

// rayService has one replica with two workers, and clusters with the names.
func rayService(t *testing.T, active, pending string) *status.RayService {
	t.Helper()
	service, err := status.NewRayService(readRoute(t, `
kind: RayService
spec: {rayClusterConfig: {workerGroupSpecs: [{replicas: 1, numOfHosts: 2}]}}
status: {activeServiceStatus: {rayClusterName: "`+active+`"}, pendingServiceStatus: {rayClusterName: "`+pending+`"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	return service
}

func TestRayClusterThatServesIsNotReleased(t *testing.T) {
	observed := status.Observed{
		Deploy:   &v1.NpuDeploy{},
		Resolved: &status.Resolved{Accelerator: &v1.AcceleratorStatus{ResourceName: "nvidia.com/gpu", Count: 4}},
		Workload: status.Workload{Ray: rayService(t, "web-1", ""), Pods: []corev1.Pod{podOfCluster("web-1", "head", 1, 1), podOfCluster("web-1", "worker", 1, 1)}},
	}
	if len(observed.PartialGroups()) != 1 {
		t.Fatal("the cluster without a worker is not partial")
	}
	ray := &observed.Workload.Ray.Status
	ray.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue}}
	if err := yaml.Unmarshal([]byte(`{llm: {status: RUNNING}}`), &ray.Active.Applications); err != nil {
		t.Fatal(err)
	}
	if groups := observed.PartialGroups(); len(groups) != 0 {
		t.Errorf("the partial clusters are %+v", groups)
	}
}

// A pod that was there until now is not missing since the condition last changed.
func TestPodOfAnAvailableGroupIsMissingSinceNow(t *testing.T) {
	observed := status.Observed{
		Deploy:   &v1.NpuDeploy{},
		Resolved: &status.Resolved{Accelerator: &v1.AcceleratorStatus{ResourceName: "nvidia.com/gpu", Count: 4}},
		Workload: status.Workload{Groups: &status.LeaderWorkerSet{}, Pods: []corev1.Pod{podOfGroup(0, 1, 2)}},
		Outcomes: status.Outcomes{Now: minute(90)},
	}
	observed.Deploy.Status.Conditions = []metav1.Condition{{Type: v1.ConditionAvailable, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(minute(3))}}
	observed.Workload.Groups.Spec.LeaderWorkerTemplate.Size = new(int32(2))
	if groups := observed.PartialGroups(); len(groups) != 1 || !groups[0].Since.Equal(minute(90)) {
		t.Errorf("the partial groups are %+v", groups)
	}
}
