package npudeploys

import (
	"cmp"
	"context"
	"net/http"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/stream"
)

// Events returns the schema of an event.
func Events() map[string]any {
	return rest.ObjectEventSchema("An event of a watch of NpuDeploys.", Schema)
}

// Topic returns the watch of NpuDeploys.
func (h *Handlers) Topic() rest.Topic {
	return rest.Topic{
		Name: Resource, Namespaced: true, Open: h.openWatch,
		Parameters: append(selectionParameters(), rest.ResourceVersionParameter("that of a list: begin with the events after it")),
	}
}

func (h *Handlers) watchRoutes() []rest.Route {
	topic := h.Topic()
	watch := newRoute("watchAllNpuDeploys", rest.Prefix+"/watch/npudeploys", "Watch the NpuDeploys of all namespaces in which the caller may watch them", rest.Events(EventSchema), "watch", h.Streams.Handler(topic))
	watch.Query, watch.Stream = topic.Parameters, true
	watch.Headers = []openapi.Parameter{rest.LastEventIDParameter("id of the last event that was read; it takes precedence over resourceVersion")}
	watchNamespace := watch
	watchNamespace.ID, watchNamespace.Path, watchNamespace.Summary = "watchNpuDeploys", rest.Prefix+"/namespaces/{namespace}/watch/npudeploys", "Watch the NpuDeploys of a namespace"
	return []rest.Route{watch, watchNamespace}
}

// openWatch streams events until ctx ends. All watchers read one history, and none waits for
// another.
func (h *Handlers) openWatch(ctx context.Context, r *http.Request, user *kube.UserClient) (rest.Stream, error) {
	selection, err := readSelection(r)
	if err != nil {
		return rest.Stream{}, err
	}
	after, err := rest.ResourceVersion(r)
	if err != nil {
		return rest.Stream{}, err
	}
	after = cmp.Or(rest.LastEventID(r), after)
	access, err := rest.ReviewAccess(ctx, user, Need("watch"), selection.Namespace)
	if err != nil {
		return rest.Stream{}, err
	}
	if _, err := State(ctx, h.Cluster, ""); err != nil {
		return rest.Stream{}, err
	}
	watcher := newWatcher(h.Cluster.Deploys(), selection, access)
	go watcher.run(ctx, after)
	return rest.Stream{
		ContentType: stream.ContentType, Frames: watcher.frames, Err: func() error { return watcher.err }, Authorize: watcher.reviewAccess,
		StaleSince: h.Cluster.UnreachableSince(live.NpuDeploys),
	}, nil
}
