package dashboard

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/stream"
)

const livePath = "/live"

const (
	// staleInterval is the time between two checks whether Kubernetes is reachable.
	staleInterval = 5 * time.Second
	// batchInterval is the shortest time between two frames of changes to one tab.
	batchInterval = 200 * time.Millisecond
)

// The events of a page besides row.
const (
	eventRead  = "read"
	eventStale = "stale"
)

func (h *Handlers) liveRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "watchPage", Method: http.MethodGet, Path: livePath, Summary: "Stream of a page: rows of deployments as HTML", Status: http.StatusOK,
			Query: append(filterParameters(),
				openapi.Parameter{Name: "version", Doc: "of the page: begin with the changes after it"},
				openapi.Parameter{Name: "key", Doc: "NAMESPACE/NAME of the page's deployment, or the name of its project; absent: the list", AllowEmpty: true},
				openapi.Parameter{Name: "page", Doc: "a page of other objects", Schema: openapi.Enum(livePages()...)},
				languageQuery(),
			),
			Returns: openapi.Content{Types: []string{stream.ContentType}, Schema: rest.EventSchema("An event of a page.",
				rest.Event{Doc: "A change of one deployment.", Names: []string{"row"}, Data: rowSchema()},
				rest.Event{Doc: "Read the page again.", Names: []string{eventRead}, Data: map[string]any{"type": "string"}},
				rest.Event{Doc: "How old the state is while Kubernetes is unreachable; empty while it is reachable.", Names: []string{eventStale}, Data: map[string]any{"type": "string"}},
				rest.EndEvent())},
		},
		Stream: true, Handler: h.Streams.Handler(rest.Topic{Name: "page", Open: h.openLive}),
	}
}

// openLive streams changes until ctx ends.
func (h *Handlers) openLive(ctx context.Context, r *http.Request, user *kube.UserClient) (rest.Stream, error) {
	if name := r.URL.Query().Get("page"); name != "" {
		return h.openReads(ctx, r, user, name)
	}
	f, err := filtersOf(r.URL.Query())
	if err != nil {
		return rest.Stream{}, err
	}
	state, err := npudeploys.State(ctx, h.Cluster, "")
	if err != nil {
		return rest.Stream{}, err
	}
	access, err := rest.ReviewAccess(ctx, user, npudeploys.Need("list"), "")
	if err != nil {
		return rest.Stream{}, err
	}
	if err := access.Review(ctx, npudeploys.NamespacesOf(state.Deploys)); err != nil {
		return rest.Stream{}, err
	}
	p := &page{
		tab: newTab(h, languageOf(r)), selection: f.selection(), key: r.URL.Query().Get("key"),
		access: access, reviewed: make(chan *rest.Access, 1),
	}
	position, isCached := h.Cluster.Deploys().PositionAfter(r.URL.Query().Get("version"))
	if !isCached {
		position = state.Position
	}
	go p.run(ctx, position, isCached)
	return p.stream(func(ctx context.Context) error {
		return rest.ReviewAgain(ctx, user, npudeploys.Need("list"), "", p.reviewed)
	}), nil
}

// tab is an open page, and the frames that are sent to it.
type tab struct {
	h        *Handlers
	language language
	resource string // whose cache shows whether Kubernetes is reachable
	frames   chan []byte
	err      error
}

func newTab(h *Handlers, l language) tab {
	return tab{h: h, language: l, resource: live.NpuDeploys, frames: make(chan []byte)}
}

func (t *tab) stream(authorize func(context.Context) error) rest.Stream {
	return rest.Stream{ContentType: stream.ContentType, Frames: t.frames, Err: func() error { return t.err }, Authorize: authorize}
}

func (t *tab) send(ctx context.Context, frame []byte) {
	if len(frame) == 0 {
		return
	}
	select {
	case t.frames <- frame:
	case <-ctx.Done():
	}
}

func (t *tab) sendRead(ctx context.Context) { t.send(ctx, stream.Event{Name: eventRead}.Frame()) }

// sendStale sends how old the state is while Kubernetes is unreachable. It is empty otherwise, and
// then it is sent only if it was not before.
func (t *tab) sendStale(ctx context.Context, was bool) bool {
	text := ""
	if since := t.h.Cluster.UnreachableSince(t.resource); !since.IsZero() {
		table := words()[t.language]
		text = table.word("stale") + " " + duration.HumanDuration(t.h.Clock().Sub(since)) + " " + table.word("ago")
	}
	if text != "" || was {
		t.send(ctx, stream.Event{Name: eventStale, Data: []byte(text)}.Frame())
	}
	return text != ""
}

// page is an open page of deployments: what it shows, and whose it is.
type page struct {
	tab

	selection npudeploys.Selection
	key       string       // of the only deployment; empty for the list
	access    *rest.Access // run's alone
	reviewed  chan *rest.Access
}

func (p *page) run(ctx context.Context, position live.Position, isCached bool) {
	defer close(p.frames)
	check := time.NewTicker(staleInterval)
	defer check.Stop()
	stale := p.sendStale(ctx, true)
	if !isCached {
		p.sendRead(ctx)
	}
	for {
		events, state, changed, complete := p.h.Cluster.Deploys().EventsSince(position)
		if position = state.Position; !complete {
			p.sendRead(ctx)
		}
		var frame []byte
		if frame, p.err = p.frame(ctx, events); p.err != nil {
			return
		}
		if p.send(ctx, frame); len(frame) > 0 && !sleep(ctx, batchInterval) {
			return
		}
		select {
		case <-changed:
		case access := <-p.reviewed:
			p.changeAccess(ctx, access, state)
		case <-check.C:
			stale = p.sendStale(ctx, stale)
		case <-ctx.Done():
			return
		}
	}
}

// sleep waits, and returns false if ctx ends.
func sleep(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// changeAccess makes the tab read its page again if the user may list other namespaces than before.
// While that cannot be reviewed, the access stays as it was.
func (p *page) changeAccess(ctx context.Context, access *rest.Access, state live.Snapshot) {
	if err := access.Review(ctx, npudeploys.NamespacesOf(state.Deploys)); err != nil {
		return
	}
	before := p.access
	p.access = access
	if before.Everywhere() != access.Everywhere() {
		p.sendRead(ctx)
		return
	}
	for namespace, allowed := range access.Namespaces() {
		if before.Namespaces()[namespace] != allowed {
			p.sendRead(ctx)
			return
		}
	}
}

// frame returns the events that the page shows. The frames of a change are shared between tabs.
func (p *page) frame(ctx context.Context, events []live.Event) ([]byte, error) {
	var frames [][]byte
	for _, event := range events {
		view, shows, err := p.viewOf(ctx, event)
		switch {
		case err != nil:
			return nil, err
		case !shows:
			continue
		case p.key != "":
			return stream.Event{Name: eventRead}.Frame(), nil
		}
		frame, err := p.h.changes.frame(view, event.Before)
		if err != nil {
			return nil, err
		}
		frames = append(frames, frame)
	}
	if len(frames) == 1 {
		return frames[0], nil
	}
	return bytes.Join(frames, nil), nil
}

// viewOf returns a change as the page shows it, and whether it does and the user may see it.
func (p *page) viewOf(ctx context.Context, event live.Event) (view changeView, shows bool, err error) {
	if p.key != "" && p.key != event.Deploy.Namespace+"/"+event.Deploy.Name {
		return changeView{}, false, nil
	}
	view = changeView{
		deploy: event.Deploy, language: p.language,
		before: event.Before != nil && p.selection.MatchesButState(event.Before),
		after:  event.Type != stream.Deleted && p.selection.MatchesButState(event.Deploy),
	}
	view.shown = view.after && p.selection.MatchesState(event.Deploy)
	if !view.before && !view.after {
		return view, false, nil
	}
	shows, err = p.access.In(ctx, event.Deploy.Namespace)
	return view, shows, err
}

// liveURL returns the URL of a page's stream, which continues the state that it shows.
func liveURL(version string, parameters url.Values) string {
	query := url.Values{"version": {version}}
	maps.Copy(query, parameters)
	return livePath + "?" + query.Encode()
}
