package status

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Exit codes after SIGKILL and SIGTERM.
const (
	exitKilled     = 137
	exitTerminated = 143
)

// probeFailing diagnoses a container that fails its probes, or that was restarted because it
// failed them.
func probeFailing(observed Observed, pod corev1.Pod) diagnosis {
	return firstUnready(pod, func(container corev1.ContainerStatus) diagnosis {
		if exit := lastExit(container); exit != nil {
			event := killedByProbe(observed, pod, exit)
			if event == nil {
				return diagnosis{}
			}
			return diagnosis{v1.ReasonProbeFailing, fmt.Sprintf("container %s was restarted at %s, %s: %s",
				container.Name, timestamp(exit.FinishedAt), plural(int(container.RestartCount), "restart"), event.Message)}
		}
		if container.State.Running == nil || !hasStarted(observed, pod, container) {
			return diagnosis{}
		}
		return notReady(observed, pod, container)
	})
}

// notReady requires evidence that the probe fails: between its start and its first answer
// a container is not ready either.
func notReady(observed Observed, pod corev1.Pod, container corev1.ContainerStatus) diagnosis {
	since := podCondition(pod, corev1.PodReady).LastTransitionTime
	started := container.State.Running.StartedAt
	event := warning(observed, pod, "Unhealthy", "Readiness", "Liveness")
	if event != nil && EventTime(event).Before(started.Time) {
		event = nil
	}
	wasReady := started.Before(&since)
	switch {
	case event == nil && !wasReady:
		return diagnosis{}
	case event == nil:
		return diagnosis{v1.ReasonProbeFailing, fmt.Sprintf("container %s has failed its readiness probe since %s",
			container.Name, timestamp(since))}
	case !wasReady:
		since = started
	}
	return diagnosis{v1.ReasonProbeFailing, fmt.Sprintf("container %s has not been ready since %s: %s",
		container.Name, timestamp(since), event.Message)}
}

// killedByProbe returns the event of the probe that the kubelet killed the container for,
// or nil. The exit code alone could also be the process's own.
func killedByProbe(observed Observed, pod corev1.Pod, exit *corev1.ContainerStateTerminated) *corev1.Event {
	if exit.ExitCode != exitKilled && exit.ExitCode != exitTerminated {
		return nil
	}
	return warning(observed, pod, "Unhealthy", "Startup", "Liveness")
}
