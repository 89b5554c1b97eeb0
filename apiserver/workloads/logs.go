package workloads

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/stream"
)

// EventSchema is the OpenAPI schema of an event of a log.
const EventSchema = openapi.Ref("LogEvent")

// Events returns the schema of an event.
func Events() map[string]any {
	text := map[string]any{"type": "string"}
	object := func(required string, properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "required": []string{required}}
	}
	return rest.EventSchema("An event of a log.",
		rest.Event{Doc: "The pod and container of the log that follows.", Names: []string{"pod"}, Data: object("pod", map[string]any{"pod": text, "container": text})},
		rest.Event{Doc: "A line, or a part of a long line.", Names: []string{"message", "part"}, Data: text},
		rest.Event{Doc: "Why the log ends: a problem, or what happened to the container.", Names: []string{"end"}, Data: object("detail",
			map[string]any{"detail": text, "status": openapi.Integer(0, 0), "exitCode": map[string]any{"type": "integer", "format": "int32"}})},
	)
}

// textContent is the Content-Type of a log that is not sent as events.
const textContent = "text/plain; charset=utf-8"

const (
	// defaultTail is how many lines are read by default.
	defaultTail = 1000
	// maxLogBytes bounds a log that is not followed.
	maxLogBytes = 10 << 20
)

func (h *Handlers) logsRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "readLog", Method: http.MethodGet, Path: npudeploys.ObjectPath + "/logs", Summary: "Read or follow the log of a pod of an NpuDeploy",
			Query: []openapi.Parameter{
				{Name: "pod", Doc: "name of the pod; absent: the newest that is scheduled"},
				{Name: "container", Doc: "name of the container; absent: the server"},
				{Name: "follow", Doc: "true: continue until the container terminates", Schema: openapi.Boolean()},
				{Name: "tail", Doc: "number of lines from the end, or of parts of 16 KiB of longer lines; absent: 1000, or all with since", Schema: openapi.Integer(0, 0)},
				{Name: "since", Doc: "maximum age of lines: 90s, 1h30m"},
				{Name: "previous", Doc: "true: of the container before its restart", Schema: openapi.Boolean()},
				{Name: "timestamps", Doc: "true: a timestamp before each line", Schema: openapi.Boolean()},
			},
			Headers: []openapi.Parameter{{Name: "Accept", Doc: "text/event-stream: an event for each line; otherwise text"}},
			Returns: openapi.Content{Types: []string{"text/plain"}, Schema: map[string]any{"type": "string"}}, AlsoReturns: []openapi.Content{rest.Events(EventSchema)},
			Status: http.StatusOK, Errors: []int{http.StatusBadGateway},
		},
		Needs:  ownedNeeds(rest.Need{Verb: "get", Resource: "pods"}, rest.Need{Verb: "get", Resource: "pods/log"}),
		Change: "read log", Stream: true, Handler: h.logs,
	}
}

func (h *Handlers) logs(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	log, err := h.openLog(r, user)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	go log.read(ctx)
	defer func() { // read ends with the request
		cancel()
		for range log.frames {
			continue
		}
	}()
	content := textContent
	if log.events {
		content = stream.ContentType
	}
	w.Header().Set("NuFi-Pod", log.pod.Name)
	w.Header().Set("NuFi-Container", log.options.Container)
	return h.streams.Serve(w, r, user, rest.Stream{
		ContentType: content, Frames: log.frames, Err: func() error { return log.err }, Authorize: log.authorize,
	})
}

// openLog opens the requested log and checks that it can be read: errors are reported before a
// response begins.
func (h *Handlers) openLog(r *http.Request, user *kube.UserClient) (*podLog, error) {
	options, err := logOptions(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.timeout)
	defer cancel()
	r = r.WithContext(ctx)
	owned, err := readOwned(r, user)
	if err != nil {
		return nil, err
	}
	pod, err := owned.choosePod(r.URL.Query().Get("pod"))
	if err != nil {
		return nil, err
	}
	if options.Container, err = chooseContainer(pod, options.Container); err != nil {
		return nil, err
	}
	if pod.Spec.NodeName == "" {
		return nil, h.addDiagnosis(r, user, owned, pod, problem.New(http.StatusConflict, "pod "+pod.Name+" is not scheduled yet"))
	}
	log, err := newPodLog(user, pod, options, acceptsEvents(r), h.timeout)
	if err != nil {
		return nil, err
	}
	if err := log.check(ctx); err != nil {
		return nil, h.addDiagnosis(r, user, owned, pod, err)
	}
	return log, nil
}

func logOptions(r *http.Request) (*corev1.PodLogOptions, error) {
	query := r.URL.Query()
	options := &corev1.PodLogOptions{Container: query.Get("container")}
	for name, field := range map[string]*bool{
		"follow": &options.Follow, "previous": &options.Previous, "timestamps": &options.Timestamps,
	} {
		var err error
		if *field, err = rest.Bool(r, name); err != nil {
			return nil, err
		}
	}
	if !options.Follow {
		options.LimitBytes = new(int64(maxLogBytes + 1)) // one more shows that the log is cut
	}
	if text := query.Get("since"); text != "" {
		since, err := time.ParseDuration(text)
		if err != nil || since <= 0 {
			return nil, problem.New(http.StatusBadRequest, "since must be a duration such as 90s or 1h30m")
		}
		options.SinceSeconds = new(int64((since + time.Second - 1) / time.Second))
	} else {
		options.TailLines = new(int64(defaultTail))
	}
	if text := query.Get("tail"); text != "" {
		tail, err := strconv.ParseInt(text, 10, 64)
		if err != nil || tail < 0 {
			return nil, problem.New(http.StatusBadRequest, "tail must be a number of lines")
		}
		options.TailLines = &tail
	}
	return options, nil
}

// acceptsEvents reports whether the client requests events rather than text.
func acceptsEvents(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values("Accept"), func(value string) bool {
		return strings.Contains(value, stream.ContentType)
	})
}

// choosePod returns the pod of the name. The default is the newest that is scheduled: in a
// rollout that does not complete, its log has the reason.
func (o *ownedObjects) choosePod(name string) (*corev1.Pod, error) {
	for i := range o.pods {
		if pod := &o.pods[i]; pod.Name == name || name == "" && pod.Spec.NodeName != "" {
			return pod, nil
		}
	}
	switch {
	case name != "":
		return nil, problem.New(http.StatusNotFound, "the NpuDeploy has no pod "+rest.Truncate(name))
	case len(o.pods) > 0:
		return &o.pods[0], nil
	}
	ready := readinessOf(o.deploy)
	return nil, problem.New(http.StatusNotFound, "the NpuDeploy has no pods: "+ready.Reason+": "+ready.Message)
}

// chooseContainer returns the container of the name. The default is the pod's own, or the
// one that the templates name server.
func chooseContainer(pod *corev1.Pod, name string) (string, error) {
	containers := slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers)
	names := make([]string, len(containers))
	for i := range containers {
		names[i] = containers[i].Name
	}
	if name != "" && !slices.Contains(names, name) {
		return "", problem.New(http.StatusBadRequest, "container must be one of "+strings.Join(names, ", "))
	}
	for _, candidate := range []string{name, pod.Annotations["kubectl.kubernetes.io/default-container"], "server"} {
		if slices.Contains(names, candidate) {
			return candidate, nil
		}
	}
	return names[0], nil
}

// addDiagnosis adds to the error of a log why its pod is not ready.
func (h *Handlers) addDiagnosis(r *http.Request, user *kube.UserClient, owned *ownedObjects, pod *corev1.Pod, err error) error {
	if apierrors.IsForbidden(err) {
		return rest.WithVerb("get", err)
	}
	var status apierrors.APIStatus
	response, expected := problem.From(err)
	node := "node " + pod.Spec.NodeName
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(http.StatusGatewayTimeout, node+" does not respond: its kubelet has the log")
	case response.Status >= http.StatusInternalServerError && errors.As(err, &status):
		// The text has addresses of nodes.
		logr.FromContextOrDiscard(r.Context()).Info("Could not read a log", "node", pod.Spec.NodeName, "reason", err.Error())
		return problem.New(http.StatusBadGateway, node+" returns no log: its kubelet cannot be reached (a simulated one has no logs)")
	case !expected:
		return err
	}
	diagnoses, err := h.diagnose(r, user, owned)
	if diagnosis := diagnoses[pod.UID]; err == nil && diagnosis.Message != "" {
		response.Detail = strings.TrimSpace(response.Detail) + "; " + diagnosis.Reason + ": " + diagnosis.Message
	}
	return response
}
