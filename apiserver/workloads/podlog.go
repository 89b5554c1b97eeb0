package workloads

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// podLog reads one container's log as the user.
type podLog struct {
	user    *kube.UserClient
	pods    typedcorev1.PodInterface
	pod     *corev1.Pod
	options *corev1.PodLogOptions
	events  bool
	timeout time.Duration // of a read of a log that is not followed
	frames  chan []byte
	err     error // why read ended early; read it after frames is closed
}

func newPodLog(user *kube.UserClient, pod *corev1.Pod, options *corev1.PodLogOptions, events bool, timeout time.Duration) (*podLog, error) {
	typed, err := user.Kubernetes()
	if err != nil {
		return nil, err
	}
	return &podLog{
		user: user, pods: typed.CoreV1().Pods(pod.Namespace), pod: pod,
		options: options, events: events, timeout: timeout, frames: make(chan []byte),
	}, nil
}

// check opens the log without reading any of it, and so returns at once. The response to a
// followed log begins with its first line, which a server that loads a model may not write
// for a long time.
func (l *podLog) check(ctx context.Context) error {
	options := *l.options
	options.Follow, options.TailLines, options.LimitBytes = false, new(int64(0)), new(int64(1))
	body, err := l.pods.GetLogs(l.pod.Name, &options).Stream(ctx)
	if err != nil {
		return err
	}
	return body.Close()
}

// read sends the log as frames until it or ctx ends, and closes frames.
func (l *podLog) read(ctx context.Context) {
	defer close(l.frames)
	if l.events {
		l.sendEvent(ctx, "pod", map[string]string{"pod": l.pod.Name, "container": l.options.Container})
	}
	isCut, err := l.copy(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		l.err = interrupted(ctx, err)
	case l.events:
		l.sendEvent(ctx, "end", l.ending(ctx, isCut))
	case isCut:
		_ = l.send(ctx, []byte("\n["+cutDetail+"]\n")) // fails only if ctx has ended
	}
}

// interrupted returns Kubernetes' response if it rejected the log. An error of the connection is a 502
// without its text, which has addresses of nodes.
func interrupted(ctx context.Context, err error) error {
	if apierrors.ReasonForError(err) != metav1.StatusReasonUnknown {
		response, _ := problem.From(err)
		return response
	}
	logr.FromContextOrDiscard(ctx).Info("Could not read a log to its end", "reason", err.Error())
	return problem.New(http.StatusBadGateway, "the connection to the node was interrupted")
}

// copy sends the log, and returns whether it has more than maxLogBytes.
func (l *podLog) copy(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := l.open(ctx, cancel)
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }()
	text, limit := io.Reader(body), int64(math.MaxInt64)
	if !l.options.Follow { // the node may ignore LimitBytes
		text, limit = &idleReader{body, l.timeout, cancel}, maxLogBytes
	}
	blocks := bufio.NewScanner(io.LimitReader(text, limit))
	blocks.Buffer(make([]byte, 8<<10), maxLine)
	blocks.Split(splitBlocks)
	for blocks.Scan() {
		frame := bytes.Clone(blocks.Bytes())
		if l.events {
			frame = eventsOf(frame)
		}
		if err := l.send(ctx, frame); err != nil {
			return false, err
		}
	}
	if blocks.Err() != nil || l.options.Follow {
		return false, blocks.Err()
	}
	more, _ := io.CopyN(io.Discard, text, 1) // an error means that there is no more
	return more > 0, nil
}

// open returns the log. The headers of a log that is followed arrive with its first line.
func (l *podLog) open(ctx context.Context, cancel func()) (io.ReadCloser, error) {
	if !l.options.Follow {
		defer time.AfterFunc(l.timeout, cancel).Stop()
	}
	return l.pods.GetLogs(l.pod.Name, l.options).Stream(ctx)
}

// idleReader calls end if a read takes longer than the timeout.
type idleReader struct {
	io.Reader

	timeout time.Duration
	end     func()
}

// Read implements io.Reader.
func (r *idleReader) Read(text []byte) (int, error) {
	defer time.AfterFunc(r.timeout, r.end).Stop()
	return r.Reader.Read(text)
}

func (l *podLog) send(ctx context.Context, frame []byte) error {
	select {
	case l.frames <- frame:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sendEvent sends an event that is not a line of the log.
func (l *podLog) sendEvent(ctx context.Context, name string, value any) {
	data, err := json.Marshal(value)
	if err == nil {
		_ = l.send(ctx, stream.Event{Name: name, Data: data}.Frame()) // fails only if ctx has ended
	}
}

// maxLine bounds a block. A longer line is sent in parts.
const maxLine = 64 << 10

// splitBlocks is a bufio.SplitFunc. A block is all complete lines that have been read, so
// that a burst of lines is written at once, or a part of a line that is longer than maxLine.
func splitBlocks(data []byte, atEOF bool) (int, []byte, error) {
	end := bytes.LastIndexByte(data, '\n') + 1
	switch {
	case end > 0:
	case atEOF:
		end = len(data)
	case len(data) >= maxLine:
		end = completeRunes(data)
	}
	if end == 0 {
		return 0, nil, nil
	}
	return end, data[:end], nil
}

// completeRunes returns the length of data without an incomplete rune at its end.
func completeRunes(data []byte) int {
	for start := len(data) - 1; start > 0 && start > len(data)-utf8.UTFMax; start-- {
		if utf8.RuneStart(data[start]) && !utf8.FullRune(data[start:]) {
			return start
		}
	}
	return len(data)
}

// eventsOf returns an event for each line of a block, or an event "part" for a part of a line.
// Events are UTF-8, and a log may be anything.
func eventsOf(block []byte) []byte {
	var frames []byte
	for line := range bytes.Lines(block) {
		event := stream.Event{}
		text, complete := bytes.CutSuffix(line, []byte("\n"))
		if !complete {
			event.Name = "part"
		}
		event.Data = bytes.ToValidUTF8(text, []byte("\uFFFD"))
		frames = append(frames, event.Frame()...)
	}
	return frames
}
