package workloads

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
)

func TestPodHasItsTimes(t *testing.T) {
	t.Parallel()
	at := func(minute int) metav1.Time { return metav1.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	p := &corev1.Pod{}
	for _, name := range []string{"running", "ended", "waiting", "new"} {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name})
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, LastTransitionTime: at(0)}}
	if got := newPod(p, status.Outcome{}, nil).Scheduled; !got.IsZero() {
		t.Errorf("a pod without a node is scheduled at %s", got)
	}
	p.Status.Conditions[0].Status, p.Status.Conditions[0].LastTransitionTime = corev1.ConditionTrue, at(1)
	p.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "running", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(2)}}},
		{Name: "ended", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: at(3), FinishedAt: at(4)}}},
		{Name: "waiting", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}, LastTerminationState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{StartedAt: at(5), FinishedAt: at(6)},
		}},
	}
	got := newPod(p, status.Outcome{}, containerTimes{"waiting": at(7).Time})
	if !got.Scheduled.Equal(at(1).Time) {
		t.Errorf("the pod is scheduled at %s", got.Scheduled)
	}
	for i, want := range []time.Time{at(2).Time, at(3).Time, {}, {}} {
		if c := got.Containers[i]; !c.Started.Equal(want) {
			t.Errorf("container %s started at %s, want %s", c.Name, c.Started, want)
		} else if c.Pulled.IsZero() != (c.Name != "waiting") {
			t.Errorf("the image of container %s was pulled at %s", c.Name, c.Pulled)
		}
	}
}

func TestPodHasItsGroup(t *testing.T) {
	t.Parallel()
	const index, worker, ray = "leaderworkerset.sigs.k8s.io/group-index", "leaderworkerset.sigs.k8s.io/worker-index", "ray.io/node-type"
	for name, test := range map[string]struct {
		labels map[string]string
		group  int32 // -1: none
		role   string
	}{
		"no group":         {nil, -1, ""},
		"leader":           {map[string]string{index: "2", worker: "0"}, 2, "leader"},
		"worker":           {map[string]string{index: "0", worker: "1"}, 0, "worker"},
		"no number":        {map[string]string{index: "x", worker: "0"}, -1, ""},
		"head of Ray":      {map[string]string{ray: "head"}, -1, "head"},
		"worker of Ray":    {map[string]string{ray: "worker"}, -1, "worker"},
		"prefill":          {map[string]string{"dudaji.com/role": "prefill"}, -1, "prefill"},
		"decode":           {map[string]string{"dudaji.com/role": "decode"}, -1, "decode"},
		"picker":           {map[string]string{"dudaji.com/picker": "chat"}, -1, "picker"},
		"leader of ours":   {map[string]string{"dudaji.com/role": "leader", index: "1", worker: "0"}, 1, "leader"},
		"submitter of Ray": {map[string]string{ray: "redis-cleanup"}, -1, ""},
	} {
		got := newPod(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: test.labels}}, status.Outcome{}, nil)
		if group := got.Group; (group == nil) != (test.group < 0) || group != nil && *group != test.group || got.Role != test.role {
			t.Errorf("%s: group %v, role %s", name, group, got.Role)
		}
	}
}
