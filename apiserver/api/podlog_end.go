package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// ending is why a log has ended.
type ending struct {
	Detail   string `json:"detail"`
	ExitCode *int32 `json:"exitCode,omitempty"` // of the container
}

func (l *podLog) ending(ctx context.Context, size int) ending {
	switch {
	case !l.options.Follow && size >= maxLog:
		return ending{Detail: "so much is read at a time, and there may be more: ask for less by tail or since"}
	case !l.options.Follow || l.options.Previous:
		return ending{Detail: "this is all so far"}
	}
	return l.death(ctx)
}

// How long a node has to tell Kubernetes how a container ended, and how often that is
// looked for.
const (
	deathTime = 10 * time.Second
	deathLook = 500 * time.Millisecond
)

// death waits until Kubernetes knows how the container ended whose log has.
func (l *podLog) death(ctx context.Context) ending {
	id := idOf(l.pod, l.options.Container)
	found := ending{Detail: "the log ended, and Kubernetes does not say why"}
	_ = wait.PollUntilContextTimeout(ctx, deathLook, deathTime, true, func(ctx context.Context) (bool, error) {
		now, err := l.now(ctx)
		if apierrors.IsNotFound(err) {
			found.Detail = "the pod is gone"
			return true, nil
		}
		if err != nil {
			return false, nil //nolint:nilerr // it is asked for again
		}
		exit := exitOf(now, l.options.Container, id)
		if exit == nil {
			return false, nil
		}
		found = ending{
			Detail:   fmt.Sprintf("container %s ended with exit code %d (%s)", l.options.Container, exit.ExitCode, exit.Reason),
			ExitCode: &exit.ExitCode,
		}
		return true, nil
	})
	return found
}

// now is the pod as it is now. Another pod of the same name is not it.
func (l *podLog) now(ctx context.Context) (*corev1.Pod, error) {
	now, err := l.pods.Get(ctx, l.pod.Name, metav1.GetOptions{})
	if err == nil && now.UID != l.pod.UID {
		return nil, apierrors.NewNotFound(corev1.Resource("pods"), l.pod.Name)
	}
	return now, err
}

func statusOf(pod *corev1.Pod, container string) corev1.ContainerStatus {
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses)
	at := slices.IndexFunc(all, func(s corev1.ContainerStatus) bool { return s.Name == container })
	if at < 0 {
		return corev1.ContainerStatus{}
	}
	return all[at]
}

func idOf(pod *corev1.Pod, container string) string { return statusOf(pod, container).ContainerID }

// exitOf is how the container with the id ended, also if another runs in its place, or nil.
func exitOf(pod *corev1.Pod, container, id string) *corev1.ContainerStateTerminated {
	status := statusOf(pod, container)
	for _, exit := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
		if exit != nil && exit.ContainerID == id {
			return exit
		}
	}
	return nil
}
