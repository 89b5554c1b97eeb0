package status

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// starting is a pod on its way, with nothing against it.
func starting(observed Observed, pod corev1.Pod) finding {
	if pod.Spec.NodeName == "" {
		return finding{v1.ReasonProgressing, "waiting for the scheduler"}
	}
	found := firstContainer(pod, func(container corev1.ContainerStatus) finding {
		if container.State.Running == nil {
			return finding{}
		}
		return finding{v1.ReasonStarting, loading(observed, pod, container)}
	})
	if found.reason != "" {
		return found
	}
	if gate := podCondition(pod, corev1.PodReady); gate.Reason == "ReadinessGatesNotReady" {
		return finding{v1.ReasonStarting, gate.Message}
	}
	bound := podCondition(pod, corev1.PodScheduled).LastTransitionTime
	return finding{v1.ReasonStarting, "node " + pod.Spec.NodeName + " is making the containers" +
		lastWarning(observed, pod, bound)}
}

// loading is a container that runs and does not answer yet. Those without a startup
// probe (an init container that fetches a model) have no budget.
func loading(observed Observed, pod corev1.Pod, container corev1.ContainerStatus) string {
	since := container.State.Running.StartedAt
	budget := startupBudget(templateOf(observed, container.Name))
	if budget == 0 || hasStarted(observed, container) {
		return fmt.Sprintf("container %s runs since %s and is not ready yet", container.Name, moment(since))
	}
	return fmt.Sprintf("container %s is loading since %s and has %s to answer%s", container.Name,
		moment(since), budget, lastWarning(observed, pod, since))
}

// hasStarted means that the startup probe, if there is one, has passed.
func hasStarted(observed Observed, container corev1.ContainerStatus) bool {
	if container.Started != nil {
		return *container.Started
	}
	return templateOf(observed, container.Name).StartupProbe == nil
}

// startupBudget is how long the kubelet waits for a first answer. Kubernetes' own
// defaults stand in for what a template leaves out.
func startupBudget(container corev1.Container) time.Duration {
	probe := container.StartupProbe
	if probe == nil {
		return 0
	}
	period, failures := cmp.Or(probe.PeriodSeconds, 10), cmp.Or(probe.FailureThreshold, 3)
	seconds := int64(probe.InitialDelaySeconds) + int64(period)*int64(failures)
	return time.Duration(seconds) * time.Second
}
