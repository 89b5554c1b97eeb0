package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dudaji/nufi/internal/status"
)

func TestAStrippedPodHoldsAsManyDevices(t *testing.T) {
	t.Parallel()
	const device = "rebellions.ai/ATOM"
	needs := func(count string) corev1.Container {
		return corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{device: resource.MustParse(count)}}}
	}
	always := corev1.ContainerRestartPolicyAlways
	beside := needs("1")
	beside.RestartPolicy = &always
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{beside, needs("4")}, Containers: []corev1.Container{needs("2")},
	}}
	if _, err := stripPod(pod); err != nil {
		t.Fatal(err)
	}
	if got := status.Requested(pod, device); got != 5 {
		t.Errorf("%d devices, want 5", got)
	}
}
