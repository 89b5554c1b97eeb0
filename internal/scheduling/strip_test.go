package scheduling_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
)

func TestStripPodKeepsDeviceRequests(t *testing.T) {
	t.Parallel()
	const device = "rebellions.ai/ATOM"
	container := func(count string) corev1.Container {
		requests := corev1.ResourceList{device: resource.MustParse(count)}
		return corev1.Container{Resources: corev1.ResourceRequirements{Requests: requests}}
	}
	always := corev1.ContainerRestartPolicyAlways
	sidecar := container("1")
	sidecar.RestartPolicy = &always
	for name, strip := range map[string]func(any) (any, error){
		"StripPod": scheduling.StripPod, "StripPodSpec": scheduling.StripPodSpec,
	} {
		stripped, err := strip(&corev1.Pod{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{sidecar, container("4")}, Containers: []corev1.Container{container("2")},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := status.Requested(stripped.(*corev1.Pod), device); got != 5 {
			t.Errorf("%s: %d devices, want 5", name, got)
		}
	}
}

func TestStripNodeIgnoresHeartbeats(t *testing.T) {
	t.Parallel()
	node := func(second int64) any {
		stripped, err := scheduling.StripNode(&corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeMemoryPressure, LastHeartbeatTime: metav1.Unix(second, 0)},
			{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Unix(second, 0)},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return stripped
	}
	if diff := cmp.Diff(node(1), node(2)); diff != "" {
		t.Errorf("a heartbeat changes the node:\n%s", diff)
	}
	if !status.ReadinessOf(node(1).(*corev1.Node)).Ready {
		t.Error("the node lost its readiness")
	}
}
