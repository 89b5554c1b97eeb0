package devices

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
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

func TestAPodTakesWhatTheSchedulerCounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		init, containers []corev1.Container
		want             int64
	}{
		"nothing":                                {nil, []corev1.Container{{}}, 0},
		"the sum of its containers":              {nil, []corev1.Container{container("2"), container("1")}, 3},
		"an init container that needs more":      {[]corev1.Container{container("4")}, []corev1.Container{container("2")}, 4},
		"an init container that needs less":      {[]corev1.Container{container("1")}, []corev1.Container{container("2")}, 2},
		"an init container that goes on":         {[]corev1.Container{sidecar("1")}, []corev1.Container{container("2")}, 3},
		"one that goes on while the next starts": {[]corev1.Container{sidecar("1"), container("4")}, []corev1.Container{container("2")}, 5},
		"one that begins after it":               {[]corev1.Container{container("4"), sidecar("1")}, []corev1.Container{container("2")}, 4},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: test.init, Containers: test.containers}}
		if got := requested(pod, atom); got != test.want {
			t.Errorf("%s: %d devices, want %d", name, got, test.want)
		}
	}
}
