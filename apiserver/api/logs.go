package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// mediaText is a log's media type, where no events are asked for.
const mediaText = "text/plain; charset=utf-8"

func (a *API) logsRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodGet, Path: pathOne + "/logs", Summary: "Read or follow the log of a pod of an NpuDeploy",
			Query: []openapi.Parameter{
				{Name: "pod", Doc: "its name; absent: the newest that has a node"},
				{Name: "container", Doc: "its name; absent: the server"},
				{Name: "follow", Doc: "true: go on until the container ends"},
				{Name: "tail", Doc: "how many lines of the end; absent: 1000, or all with since"},
				{Name: "since", Doc: "how old lines may be: 90s, 1h30m"},
				{Name: "previous", Doc: "true: of the container before its restart"},
				{Name: "timestamps", Doc: "true: a time before each line"},
			},
			Headers: []openapi.Parameter{{Name: "Accept", Doc: "text/event-stream: an event for each line; otherwise text"}},
			Answers: openapi.Content{Types: []string{"text/plain", stream.ContentType}, Schema: map[string]any{"type": "string"}},
			Status:  http.StatusOK,
		},
		needs:  append(familyNeeds(), need{verb: "get", resource: "pods"}, need{verb: "get", resource: "pods/log"}),
		stream: true, serve: a.logs,
	}
}

func (a *API) logs(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	log, err := a.findLog(r, user)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	go log.read(ctx)
	defer func() { // the reader ends with the request
		cancel()
		for range log.frames { // until it is closed
		}
	}()
	content := mediaText
	if log.events {
		content = stream.ContentType
	}
	w.Header().Set("NuFi-Pod", log.pod.Name)
	w.Header().Set("NuFi-Container", log.options.Container)
	return a.follow(w, r, user, following{contentType: content, frames: log.frames, end: func() error { return log.err }, may: log.may})
}

// findLog returns the log that is asked for, which could be read a moment ago: what is
// wrong with it is told before an answer begins.
func (a *API) findLog(r *http.Request, user *kube.UserClient) (*podLog, error) {
	options, err := logOptions(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.options.Limits.Time)
	defer cancel()
	r = r.WithContext(ctx)
	found, err := familyOf(r, user)
	if err != nil {
		return nil, err
	}
	pod, err := found.choose(r.URL.Query().Get("pod"))
	if err != nil {
		return nil, err
	}
	if options.Container, err = containerOf(pod, options.Container); err != nil {
		return nil, err
	}
	if pod.Spec.NodeName == "" {
		return nil, a.because(r, user, found, pod, problem.New(http.StatusConflict, "pod "+pod.Name+" has no node yet"))
	}
	log, err := newPodLog(user, pod, options, takesEvents(r))
	if err != nil {
		return nil, err
	}
	if err := log.try(ctx); err != nil {
		return nil, a.because(r, user, found, pod, err)
	}
	return log, nil
}

// takesEvents says whether the client asks for events rather than text.
func takesEvents(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values("Accept"), func(value string) bool {
		return strings.Contains(value, stream.ContentType)
	})
}

// choose returns the pod of the name. Without one it is the newest that has a node: in a
// rollout that does not come to its end, that is the one to read.
func (f *family) choose(name string) (*corev1.Pod, error) {
	for i := range f.pods {
		if pod := &f.pods[i]; pod.Name == name || name == "" && pod.Spec.NodeName != "" {
			return pod, nil
		}
	}
	switch {
	case name != "":
		return nil, problem.New(http.StatusNotFound, "the NpuDeploy has no pod "+clip(name))
	case len(f.pods) > 0:
		return &f.pods[0], nil
	}
	ready := readyOf(f.deploy)
	return nil, problem.New(http.StatusNotFound, "the NpuDeploy has no pods: "+ready.Reason+": "+ready.Message)
}

// containerOf returns the container that is asked for. Without one it is the pod's own
// choice, or the one that the templates call server.
func containerOf(pod *corev1.Pod, asked string) (string, error) {
	all := slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers)
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	if asked != "" && !slices.Contains(names, asked) {
		return "", problem.New(http.StatusBadRequest, "container has to be one of "+strings.Join(names, ", "))
	}
	for _, name := range []string{asked, pod.Annotations["kubectl.kubernetes.io/default-container"], "server"} {
		if slices.Contains(names, name) {
			return name, nil
		}
	}
	return names[0], nil
}

// because adds to why a log cannot be read what is wrong with its pod.
func (a *API) because(r *http.Request, user *kube.UserClient, f *family, pod *corev1.Pod, err error) error {
	if apierrors.IsForbidden(err) {
		return attempted("get", err)
	}
	answer, known := problem.From(err)
	node := "node " + pod.Spec.NodeName
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(http.StatusGatewayTimeout, node+" does not answer: its kubelet has the log")
	case !known:
		return err
	case answer.Status >= http.StatusInternalServerError && !kube.Unreachable(err):
		return problem.New(http.StatusBadGateway, node+" gives no log (a simulated one has none): "+answer.Detail)
	}
	why, err := a.diagnoses(r, user, f)
	if found := why[pod.UID]; err == nil && found.Message != "" {
		answer.Detail = strings.TrimSpace(answer.Detail) + "; " + found.Reason + ": " + found.Message
	}
	return answer
}

// may is an error once the person may read the log no longer, or the pod is gone: a node
// that has fallen silent does not say so.
func (l *podLog) may(ctx context.Context) error {
	allowed, err := l.user.Can(ctx, "get", "", "pods/log", l.pod.Namespace, l.pod.Name)
	if err != nil {
		return err
	}
	if !allowed {
		return problem.New(http.StatusForbidden, "you may read this log no longer")
	}
	if _, err = l.now(ctx); apierrors.IsNotFound(err) {
		return problem.New(http.StatusGone, "the pod is gone")
	}
	return err
}
