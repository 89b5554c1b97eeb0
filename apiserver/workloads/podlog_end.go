package workloads

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/dudaji/nufi/apiserver/problem"
)

// ending is why a log has ended.
type ending struct {
	Detail   string `json:"detail"`
	ExitCode *int32 `json:"exitCode,omitempty"` // of the container
}

// cutDetail is the end of a log that has more than maxLogBytes. Kubelets send the oldest lines first.
const cutDetail = "the log is cut after 10 MiB, and its newest lines are missing: request fewer by tail or since, or all by follow=true"

func (l *podLog) ending(ctx context.Context, isCut bool) ending {
	switch {
	case isCut:
		return ending{Detail: cutDetail}
	case !l.options.Follow || l.options.Previous:
		return ending{Detail: "this is all so far"}
	}
	return l.awaitTermination(ctx)
}

// How long a kubelet has to report how a container terminated, and how often that is read.
const (
	terminationTimeout = 10 * time.Second
	terminationPoll    = 500 * time.Millisecond
)

// awaitTermination waits until Kubernetes has the exit code of the container.
func (l *podLog) awaitTermination(ctx context.Context) ending {
	id := statusOf(l.pod, l.options.Container).ContainerID
	result := ending{Detail: "the log ended, and Kubernetes reports no reason"}
	_ = wait.PollUntilContextTimeout(ctx, terminationPoll, terminationTimeout, true, func(ctx context.Context) (bool, error) {
		pod, err := l.getPod(ctx)
		if apierrors.IsNotFound(err) {
			result.Detail = "the pod is gone"
			return true, nil
		}
		if err != nil {
			return false, nil //nolint:nilerr // it is read again
		}
		terminated := terminationOf(pod, l.options.Container, id)
		if terminated == nil {
			return false, nil
		}
		result = ending{
			Detail:   fmt.Sprintf("container %s ended with exit code %d (%s)", l.options.Container, terminated.ExitCode, terminated.Reason),
			ExitCode: &terminated.ExitCode,
		}
		return true, nil
	})
	return result
}

// getPod reads the pod again. Another pod of the same name is NotFound.
func (l *podLog) getPod(ctx context.Context) (*corev1.Pod, error) {
	pod, err := l.pods.Get(ctx, l.pod.Name, metav1.GetOptions{})
	if err == nil && pod.UID != l.pod.UID {
		return nil, apierrors.NewNotFound(corev1.Resource("pods"), l.pod.Name)
	}
	return pod, err
}

func statusOf(pod *corev1.Pod, container string) corev1.ContainerStatus {
	statuses := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses)
	i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == container })
	if i < 0 {
		return corev1.ContainerStatus{}
	}
	return statuses[i]
}

// terminationOf returns how the container with the id terminated, even if it has been
// restarted since, or nil.
func terminationOf(pod *corev1.Pod, container, id string) *corev1.ContainerStateTerminated {
	status := statusOf(pod, container)
	for _, terminated := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
		if terminated != nil && terminated.ContainerID == id {
			return terminated
		}
	}
	return nil
}

// authorize returns an error once the user may not read the log, or the pod is gone: an
// unreachable node does not report that.
func (l *podLog) authorize(ctx context.Context) error {
	allowed, err := l.user.Can(ctx, "get", "", "pods/log", l.pod.Namespace, l.pod.Name)
	if err != nil {
		return err
	}
	if !allowed {
		return problem.New(http.StatusForbidden, "you may no longer read this log")
	}
	if _, err = l.getPod(ctx); apierrors.IsNotFound(err) {
		return problem.New(http.StatusGone, "the pod is gone")
	}
	return err
}
