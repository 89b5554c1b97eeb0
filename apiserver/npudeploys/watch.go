package npudeploys

import (
	"context"
	"net/http"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/stream"
)

func (h *Handlers) watchRoutes() []rest.Route {
	watch := newRoute("watchAllNpuDeploys", rest.Prefix+"/watch/npudeploys", "Watch the NpuDeploys of all namespaces in which I may watch them", rest.Events(EventSchema), "watch", h.watch)
	watch.Query = append(selectionParameters(), rest.ResourceVersionParameter("that of a list: begin with the events after it"))
	watch.Headers = []openapi.Parameter{{Name: "Last-Event-ID", Doc: "id of the last event that was read; it takes precedence over resourceVersion"}}
	watch.Stream = true
	watchNamespace := watch
	watchNamespace.ID, watchNamespace.Path, watchNamespace.Summary = "watchNpuDeploys", rest.Prefix+"/namespaces/{namespace}/watch/npudeploys", "Watch the NpuDeploys of a namespace"
	return []rest.Route{watch, watchNamespace}
}

// watch streams events until the client disconnects. All watchers read one history, and none
// waits for another.
func (h *Handlers) watch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	selection, err := parseSelection(r)
	if err != nil {
		return err
	}
	after, err := rest.ResourceVersion(r)
	if err != nil {
		return err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after = id
	}
	access, err := rest.ReviewAccess(r.Context(), user, Need("watch"), selection.namespace)
	if err != nil {
		return err
	}
	if _, err := State(r.Context(), h.Cluster, ""); err != nil {
		return err
	}
	rest.SetStale(w, h.Cluster.UnreachableSince(live.NpuDeploys), h.Clock())
	watcher := newWatcher(h.Cluster.Deploys(), selection, access)
	ctx, stop := context.WithCancel(r.Context())
	defer func() {
		stop()
		watcher.drain()
	}()
	go watcher.run(ctx, after)
	return h.Streams.Serve(w, r, user, rest.Stream{
		ContentType: stream.ContentType, Frames: watcher.frames, Err: watcher.reason, Authorize: watcher.reviewAccess,
	})
}
