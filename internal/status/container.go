package status

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// firstContainer returns what judge finds first among the containers of the pod
// that are not ready, in the order in which they start.
func firstContainer(pod corev1.Pod, judge func(corev1.ContainerStatus) finding) finding {
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if container.Ready {
			continue
		}
		if found := judge(container); found.reason != "" {
			return found
		}
	}
	return finding{}
}

func imagePull(_ Observed, pod corev1.Pod) finding {
	return firstContainer(pod, func(container corev1.ContainerStatus) finding {
		waiting := container.State.Waiting
		if waiting == nil {
			return finding{}
		}
		switch waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
			"ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
			return finding{v1.ReasonImagePull, fmt.Sprintf("image %s of container %s cannot be pulled: %s",
				container.Image, container.Name, pullError(waiting))}
		}
		return finding{}
	})
}

// pullError is the same while the kubelet alternates between trying (ErrImagePull)
// and waiting (ImagePullBackOff), so that the condition does not flap.
func pullError(waiting *corev1.ContainerStateWaiting) string {
	if _, cause, found := strings.Cut(waiting.Message, ": ErrImagePull: "); found {
		return cause
	}
	if waiting.Message == "" {
		return waiting.Reason
	}
	return waiting.Message
}

func containerConfig(observed Observed, pod corev1.Pod) finding {
	found := firstContainer(pod, func(container corev1.ContainerStatus) finding {
		waiting := container.State.Waiting
		if waiting == nil {
			return finding{}
		}
		switch waiting.Reason {
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
			"PreStartHookError", "PostStartHookError":
			return finding{v1.ReasonContainerConfig, fmt.Sprintf("container %s cannot be made: %s",
				container.Name, waiting.Message)}
		}
		return finding{}
	})
	if found.reason == "" && creating(pod) {
		return notMounted(observed, pod)
	}
	return found
}

// creating means that the pod is on a node and no container has run yet.
func creating(pod corev1.Pod) bool {
	return pod.Spec.NodeName != "" && !slices.ContainsFunc(
		slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses),
		func(container corev1.ContainerStatus) bool { return container.State.Waiting == nil })
}

// notMounted reads events: a pod's status does not say which volume it waits for.
func notMounted(observed Observed, pod corev1.Pod) finding {
	for _, reason := range []string{"FailedMount", "FailedAttachVolume"} {
		if event := warning(observed, pod, reason); event != nil {
			return finding{v1.ReasonContainerConfig, "a volume cannot be mounted: " + event.Message}
		}
	}
	return finding{}
}

func outOfMemory(observed Observed, pod corev1.Pod) finding {
	return firstContainer(pod, func(container corev1.ContainerStatus) finding {
		exit := lastExit(container)
		if exit == nil || exit.Reason != "OOMKilled" {
			return finding{}
		}
		return finding{v1.ReasonOutOfMemory, fmt.Sprintf("container %s was killed for want of memory (%s), %s",
			container.Name, memoryLimit(observed, container.Name), plural(int(container.RestartCount), "restart"))}
	})
}

func memoryLimit(observed Observed, name string) string {
	template := templateOf(observed, name)
	if limit := template.Resources.Limits.Memory(); !limit.IsZero() {
		return "its limit is " + limit.String()
	}
	return "it has no limit of its own: the node ran out"
}

// crashLoop counts from the first exit on: a server may take half an hour to load,
// and its user should not have to wait for the second.
func crashLoop(observed Observed, pod corev1.Pod) finding {
	return firstContainer(pod, func(container corev1.ContainerStatus) finding {
		exit := lastExit(container)
		if exit == nil && container.State.Waiting != nil && container.State.Waiting.Reason == "CrashLoopBackOff" {
			return finding{v1.ReasonCrashLoop, fmt.Sprintf("container %s keeps exiting", container.Name)}
		}
		if exit == nil || killedByProbe(observed, pod, exit) != nil {
			return finding{}
		}
		message := fmt.Sprintf("container %s exited with code %d, %s",
			container.Name, exit.ExitCode, plural(int(container.RestartCount), "restart"))
		if last := lastLine(exit.Message); last != "" {
			message += ": " + last
		}
		return finding{v1.ReasonCrashLoop, message}
	})
}

// lastExit is how a container ended that has not been ready since, or nil.
func lastExit(container corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if container.State.Terminated != nil {
		return container.State.Terminated
	}
	return container.LastTerminationState.Terminated
}

// templateOf returns the container of that name as the deployment has it. Pods of
// the current revision are made from it, and need not be kept whole.
func templateOf(observed Observed, name string) corev1.Container {
	spec := observed.Workload.Deployment.Spec.Template.Spec
	for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
		if container.Name == name {
			return container
		}
	}
	return corev1.Container{Name: name}
}
