package status_test

import (
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// podOfGroup returns a pod of group 0 that was created at a minute. placed is the minute of its node; 0 is none.
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
