package status

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Exit codes of a container that the kubelet ended: SIGKILL and SIGTERM.
const (
	exitKilled     = 137
	exitTerminated = 143
)

// probeFailing is for a server that runs and does not answer, and for one that was
// restarted for that.
func probeFailing(observed Observed, pod corev1.Pod) finding {
	return firstContainer(pod, func(container corev1.ContainerStatus) finding {
		if exit := lastExit(container); exit != nil {
			event := killedByProbe(observed, pod, exit)
			if event == nil {
				return finding{}
			}
			return finding{v1.ReasonProbeFailing, fmt.Sprintf("container %s was restarted at %s, %s: %s",
				container.Name, moment(exit.FinishedAt), plural(int(container.RestartCount), "restart"), event.Message)}
		}
		if container.State.Running == nil || !hasStarted(observed, container) {
			return finding{}
		}
		return notAnswering(observed, pod, container)
	})
}

// notAnswering needs a sign that the probe fails: between its start and its first
// answer a server is not ready either.
func notAnswering(observed Observed, pod corev1.Pod, container corev1.ContainerStatus) finding {
	since := podCondition(pod, corev1.PodReady).LastTransitionTime
	started := container.State.Running.StartedAt
	event := warning(observed, pod, "Unhealthy", "Readiness", "Liveness")
	if event != nil && EventTime(event).Before(started.Time) {
		event = nil
	}
	wasReady := started.Before(&since)
	switch {
	case event == nil && !wasReady:
		return finding{}
	case event == nil:
		return finding{v1.ReasonProbeFailing, fmt.Sprintf("container %s does not pass its readiness probe since %s",
			container.Name, moment(since))}
	case !wasReady:
		since = started
	}
	return finding{v1.ReasonProbeFailing, fmt.Sprintf("container %s is not ready since %s: %s",
		container.Name, moment(since), event.Message)}
}

// killedByProbe returns the event of the probe for which the kubelet killed the
// container, or nil. The exit code alone could also be the server's own.
func killedByProbe(observed Observed, pod corev1.Pod, exit *corev1.ContainerStateTerminated) *corev1.Event {
	if exit.ExitCode != exitKilled && exit.ExitCode != exitTerminated {
		return nil
	}
	return warning(observed, pod, "Unhealthy", "Startup", "Liveness")
}
