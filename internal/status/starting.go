package status

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// starting diagnoses a pod that is neither ready nor failing.
func starting(observed Observed, pod corev1.Pod) diagnosis {
	if pod.Spec.NodeName == "" {
		return diagnosis{v1.ReasonProgressing, "waiting for the scheduler"}
	}
	d := firstUnready(pod, func(container corev1.ContainerStatus) diagnosis {
		if container.State.Running == nil {
			return diagnosis{}
		}
		return diagnosis{v1.ReasonStarting, loading(observed, pod, container)}
	})
	if d.reason != "" {
		return d
	}
	if gate := podCondition(pod, corev1.PodReady); gate.Reason == "ReadinessGatesNotReady" {
		return diagnosis{v1.ReasonStarting, gate.Message}
	}
	bound := podCondition(pod, corev1.PodScheduled).LastTransitionTime
	return diagnosis{v1.ReasonStarting, "node " + pod.Spec.NodeName + " is creating the containers" +
		lastWarning(observed, pod, bound)}
}

// loading describes a container that runs and is not ready yet. A container without a startup probe,
// such as an init container that fetches a model, has no budget.
func loading(observed Observed, pod corev1.Pod, container corev1.ContainerStatus) string {
	since := container.State.Running.StartedAt
	budget := startupBudget(templateOf(observed, pod, container.Name))
	if budget == 0 || hasStarted(observed, pod, container) {
		return fmt.Sprintf("container %s has been running since %s and is not ready yet", container.Name, timestamp(since))
	}
	return fmt.Sprintf("container %s has been loading since %s and has %s to pass its startup probe%s", container.Name,
		timestamp(since), budget, lastWarning(observed, pod, since))
}

// hasStarted reports whether the startup probe, if there is one, has passed.
func hasStarted(observed Observed, pod corev1.Pod, container corev1.ContainerStatus) bool {
	if container.Started != nil {
		return *container.Started
	}
	return templateOf(observed, pod, container.Name).StartupProbe == nil
}

// startupBudget is how long the kubelet waits for the startup probe to pass. Kubernetes'
// defaults apply to absent fields.
func startupBudget(container corev1.Container) time.Duration {
	probe := container.StartupProbe
	if probe == nil {
		return 0
	}
	period, failures := cmp.Or(probe.PeriodSeconds, 10), cmp.Or(probe.FailureThreshold, 3)
	seconds := int64(probe.InitialDelaySeconds) + int64(period)*int64(failures)
	return time.Duration(seconds) * time.Second
}
