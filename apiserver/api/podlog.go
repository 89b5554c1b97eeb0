package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/ptr"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// podLog is one container's log, read as the person.
type podLog struct {
	user    *kube.UserClient
	pods    typedcorev1.PodInterface
	pod     *corev1.Pod
	options *corev1.PodLogOptions
	events  bool
	frames  chan []byte
	err     error // why it broke off: for who has seen frames closed
}

func newPodLog(user *kube.UserClient, pod *corev1.Pod, options *corev1.PodLogOptions, events bool) (*podLog, error) {
	typed, err := user.Kubernetes()
	if err != nil {
		return nil, err
	}
	return &podLog{
		user: user, pods: typed.CoreV1().Pods(pod.Namespace), pod: pod,
		options: options, events: events, frames: make(chan []byte),
	}, nil
}

// try reads nothing of the log, and so returns at once. A log that is followed begins
// with its first line, which a server that loads may not write for long.
func (l *podLog) try(ctx context.Context) error {
	options := *l.options
	options.Follow, options.TailLines, options.LimitBytes = false, ptr.To[int64](0), ptr.To[int64](1)
	body, err := l.pods.GetLogs(l.pod.Name, &options).Stream(ctx)
	if err != nil {
		return err
	}
	return body.Close()
}

// read makes frames of the log until it ends, or ctx does, and closes frames.
func (l *podLog) read(ctx context.Context) {
	defer close(l.frames)
	if l.events {
		l.tell(ctx, "pod", map[string]string{"pod": l.pod.Name, "container": l.options.Container})
	}
	size, err := l.copy(ctx)
	switch {
	case ctx.Err() != nil: // nobody reads
	case err != nil:
		l.err = brokenOff(err)
	case l.events:
		l.tell(ctx, "end", l.ending(ctx, size))
	}
}

// brokenOff is Kubernetes' own answer, if the log was refused, or a fault on the way.
func brokenOff(err error) error {
	if apierrors.ReasonForError(err) != metav1.StatusReasonUnknown {
		answer, _ := problem.From(err)
		return answer
	}
	return problem.New(http.StatusBadGateway, "the log broke off: "+firstLine(err.Error()))
}

// copy returns how many bytes of the log it has read.
func (l *podLog) copy(ctx context.Context) (int, error) {
	body, err := l.pods.GetLogs(l.pod.Name, l.options).Stream(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = body.Close() }()
	blocks := bufio.NewScanner(l.bounded(body))
	blocks.Buffer(make([]byte, 8<<10), maxLine)
	blocks.Split(block)
	size := 0
	for blocks.Scan() {
		size += len(blocks.Bytes())
		frame := bytes.Clone(blocks.Bytes())
		if l.events {
			frame = linesOf(frame)
		}
		if err := l.send(ctx, frame); err != nil {
			return size, err
		}
	}
	return size, blocks.Err()
}

// bounded does not leave it to a node how much comes.
func (l *podLog) bounded(body io.Reader) io.Reader {
	if l.options.LimitBytes == nil {
		return body
	}
	return io.LimitReader(body, *l.options.LimitBytes)
}

func (l *podLog) send(ctx context.Context, frame []byte) error {
	select {
	case l.frames <- frame:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tell sends an event of our own. It is lost on a reader who is gone.
func (l *podLog) tell(ctx context.Context, name string, value any) {
	data, err := json.Marshal(value)
	if err == nil {
		_ = l.send(ctx, stream.Event{Name: name, Data: data}.Frame())
	}
}
