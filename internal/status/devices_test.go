package status_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const atom = "rebellions.ai/ATOM"

func container(count string) corev1.Container {
	return corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{atom: resource.MustParse(count)}}}
}

func sidecar(count string) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	c := container(count)
	c.RestartPolicy = &always
	return c
}

func TestRequestedMatchesTheScheduler(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		init, containers []corev1.Container
		want             int64
	}{
		"no request":                            {nil, []corev1.Container{{}}, 0},
		"containers":                            {nil, []corev1.Container{container("2"), container("1")}, 3},
		"init container with a larger request":  {[]corev1.Container{container("4")}, []corev1.Container{container("2")}, 4},
		"init container with a smaller request": {[]corev1.Container{container("1")}, []corev1.Container{container("2")}, 2},
		"sidecar":                               {[]corev1.Container{sidecar("1")}, []corev1.Container{container("2")}, 3},
		"sidecar before an init container":      {[]corev1.Container{sidecar("1"), container("4")}, []corev1.Container{container("2")}, 5},
		"sidecar after an init container":       {[]corev1.Container{container("4"), sidecar("2")}, []corev1.Container{container("2")}, 4},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: test.init, Containers: test.containers}}
		if got := status.Requested(pod, atom); got != test.want {
			t.Errorf("%s: %d devices, want %d", name, got, test.want)
		}
	}
}

func newNode(name string, change func(*corev1.Node)) corev1.Node {
	node := corev1.Node{}
	node.Name = name
	node.Status.Allocatable = corev1.ResourceList{atom: resource.MustParse("8")}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	change(&node)
	return node
}

func TestCountDevicesCountsEligibleNodes(t *testing.T) {
	t.Parallel()
	nodes := []corev1.Node{
		newNode("one", func(*corev1.Node) {}),
		newNode("two", func(*corev1.Node) {}),
		newNode("cordoned", func(node *corev1.Node) { node.Spec.Unschedulable = true }),
		newNode("unreachable", func(node *corev1.Node) { node.Status.Conditions[0].Status = corev1.ConditionUnknown }),
		newNode("without", func(node *corev1.Node) { node.Status.Allocatable = nil }),
	}
	pods := map[string][]corev1.Pod{
		"one": {
			{Spec: corev1.PodSpec{InitContainers: []corev1.Container{sidecar("1")}, Containers: []corev1.Container{container("2")}}},
			{Spec: corev1.PodSpec{InitContainers: []corev1.Container{container("4")}, Containers: []corev1.Container{container("1")}}},
		},
		"two": {{Spec: corev1.PodSpec{Containers: []corev1.Container{container("8")}}, Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}},
	}
	got, err := status.CountDevices(&v1.NpuDeploy{}, atom, nodes, func(node string) ([]corev1.Pod, error) { return pods[node], nil })
	if err != nil {
		t.Fatal(err)
	}
	if want := (status.Devices{Nodes: 2, Allocatable: 16, Requested: 7, LargestFree: 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
