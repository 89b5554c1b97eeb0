package status

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// firstUnready returns the first diagnosis among the containers of the pod that are not
// ready, in the order in which they start.
func firstUnready(pod corev1.Pod, check func(corev1.ContainerStatus) diagnosis) diagnosis {
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if container.Ready {
			continue
		}
		if d := check(container); d.reason != "" {
			return d
		}
	}
	return diagnosis{}
}

func imagePull(_ Observed, pod corev1.Pod) diagnosis {
	return firstUnready(pod, func(container corev1.ContainerStatus) diagnosis {
		waiting := container.State.Waiting
		if waiting == nil {
			return diagnosis{}
		}
		switch waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
			"ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
			return diagnosis{v1.ReasonImagePull, fmt.Sprintf("image %s of container %s cannot be pulled: %s",
				container.Image, container.Name, pullError(waiting))}
		}
		return diagnosis{}
	})
}

// pullError is the same while the kubelet alternates between ErrImagePull and
// ImagePullBackOff, so that the condition does not flap.
func pullError(waiting *corev1.ContainerStateWaiting) string {
	if _, cause, ok := strings.Cut(waiting.Message, ": ErrImagePull: "); ok {
		return cause
	}
	if waiting.Message == "" {
		return waiting.Reason
	}
	return waiting.Message
}

func containerConfig(observed Observed, pod corev1.Pod) diagnosis {
	d := firstUnready(pod, func(container corev1.ContainerStatus) diagnosis {
		waiting := container.State.Waiting
		if waiting == nil {
			return diagnosis{}
		}
		switch waiting.Reason {
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
			"PreStartHookError", "PostStartHookError":
			return diagnosis{v1.ReasonContainerConfig, fmt.Sprintf("container %s cannot be created: %s",
				container.Name, waiting.Message)}
		}
		return diagnosis{}
	})
	if d.reason == "" && isCreating(pod) {
		return notMounted(observed, pod)
	}
	return d
}

// isCreating reports whether the pod is on a node and no container has run yet.
func isCreating(pod corev1.Pod) bool {
	return pod.Spec.NodeName != "" && !slices.ContainsFunc(
		slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses),
		func(container corev1.ContainerStatus) bool { return container.State.Waiting == nil })
}

// notMounted reads events: a pod's status does not name the volume.
func notMounted(observed Observed, pod corev1.Pod) diagnosis {
	for _, reason := range []string{"FailedMount", "FailedAttachVolume"} {
		if event := warning(observed, pod, reason); event != nil {
			return diagnosis{v1.ReasonContainerConfig, "a volume cannot be mounted: " + event.Message}
		}
	}
	return diagnosis{}
}

func outOfMemory(observed Observed, pod corev1.Pod) diagnosis {
	return firstUnready(pod, func(container corev1.ContainerStatus) diagnosis {
		exit := lastExit(container)
		if exit == nil || exit.Reason != "OOMKilled" {
			return diagnosis{}
		}
		return diagnosis{v1.ReasonOutOfMemory, fmt.Sprintf("container %s ran out of memory and was killed (%s), %s",
			container.Name, memoryLimit(observed, pod, container.Name), plural(int(container.RestartCount), "restart"))}
	})
}

func memoryLimit(observed Observed, pod corev1.Pod, name string) string {
	template := templateOf(observed, pod, name)
	if limit := template.Resources.Limits.Memory(); !limit.IsZero() {
		return "its limit is " + limit.String()
	}
	return "it has no limit: the node ran out of memory"
}

// crashLoop applies from the first exit on, because it may take half an hour of loading until the server exits again.
func crashLoop(observed Observed, pod corev1.Pod) diagnosis {
	return firstUnready(pod, func(container corev1.ContainerStatus) diagnosis {
		exit := lastExit(container)
		if exit == nil && container.State.Waiting != nil && container.State.Waiting.Reason == "CrashLoopBackOff" {
			return diagnosis{v1.ReasonCrashLoop, fmt.Sprintf("container %s keeps exiting", container.Name)}
		}
		if exit == nil || killedByProbe(observed, pod, exit) != nil {
			return diagnosis{}
		}
		message := fmt.Sprintf("container %s exited with code %d, %s",
			container.Name, exit.ExitCode, plural(int(container.RestartCount), "restart"))
		if last := lastLine(exit.Message); last != "" {
			message += ": " + last
		}
		return diagnosis{v1.ReasonCrashLoop, message}
	})
}

// lastExit is the last termination of a container that is not ready, or nil.
func lastExit(container corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if container.State.Terminated != nil {
		return container.State.Terminated
	}
	return container.LastTerminationState.Terminated
}

// templateOf returns the container of that name in the template that pods like this one are created
// from.
func templateOf(observed Observed, pod corev1.Pod, name string) corev1.Container {
	spec := observed.Workload.podSpec(pod)
	for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
		if container.Name == name {
			return container
		}
	}
	return corev1.Container{Name: name}
}
