package api

import (
	"context"
	"net/http"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/stream"
)

func (a *API) watchRoutes() []route {
	return []route{
		a.watchRoute(prefix+"/watch/npudeploys", "Watch the NpuDeploys of all namespaces in which I may watch them"),
		a.watchRoute(prefix+"/namespaces/{namespace}/watch/npudeploys", "Watch the NpuDeploys of a namespace"),
	}
}

func (a *API) watchRoute(path, summary string) route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodGet, Path: path, Summary: summary,
			Query:   append(selectionParameters(), openapi.Parameter{Name: "resourceVersion", Doc: "a list's: begin with what happened after it"}),
			Headers: []openapi.Parameter{{Name: "Last-Event-ID", Doc: "id of the last event that was read; it goes before resourceVersion"}},
			Answers: openapi.Content{Types: []string{stream.ContentType}, Schema: map[string]any{"type": "string"}}, Status: http.StatusOK,
		},
		needs: needs(resource, "watch"), stream: true, serve: a.watch,
	}
}

// watch tells of NpuDeploys until the reader goes. All watchers read one history, and none
// waits for another.
func (a *API) watch(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	chosen, err := selectionOf(r)
	if err != nil {
		return err
	}
	after, err := versionParameter(r)
	if err != nil {
		return err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after = id
	}
	rights, err := rightsOf(r.Context(), user, toDeploys("watch"), chosen.namespace)
	if err != nil {
		return err
	}
	if _, err := a.known(r.Context(), ""); err != nil {
		return err
	}
	a.stale(w, a.options.Live.UnreachableSince(live.NpuDeploys))
	telling := newWatcher(a.options.Live.Deploys(), chosen, rights)
	ctx, stop := context.WithCancel(r.Context())
	defer func() {
		stop()
		telling.wait()
	}()
	go telling.run(ctx, after)
	return a.follow(w, r, user, following{contentType: stream.ContentType, frames: telling.frames, end: telling.why, may: telling.ask})
}
