package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
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

// staleInterval is the time between two checks whether Kubernetes is reachable.
const staleInterval = 5 * time.Second

func (h *Handlers) liveRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "watchPage", Method: http.MethodGet, Path: livePath, Summary: "Stream of a page: rows of deployments as HTML", Status: http.StatusOK,
			Query: []openapi.Parameter{
				{Name: "version", Doc: "of the page: begin with the changes after it"},
				{Name: "key", Doc: "NAMESPACE/NAME of the page's deployment; absent: the list", AllowEmpty: true},
				{Name: "q", Doc: "as of the list", AllowEmpty: true}, {Name: "project", Doc: "as of the list", AllowEmpty: true},
				{Name: "state", Doc: "as of the list", AllowEmpty: true}, {Name: "accelerator", Doc: "as of the list", AllowEmpty: true},
				languageQuery(),
			},
			Answers: openapi.Content{Types: []string{stream.ContentType}, Schema: rest.EventSchema("An event of a page.",
				rest.Event{Doc: "A change of one deployment.", Names: []string{"row"}, Data: rowSchema()},
				rest.Event{Doc: "Read the page again.", Names: []string{"read"}, Data: map[string]any{"type": "string"}},
				rest.Event{Doc: "How old the state is while Kubernetes is unreachable; empty when it is reachable again.", Names: []string{"stale"}, Data: map[string]any{"type": "string"}},
				rest.EndEvent())},
		},
		Stream: true, Handler: h.Streams.Handler(rest.Topic{Name: "page", Open: h.openLive}),
	}
}

// rowChange is a change of a row of the list.
type rowChange struct {
	ID   string `json:"id"`
	HTML string `json:"html"` // empty if the row is not in the list any longer
	From state  `json:"from"` // that it was counted in; empty if it was not
	To   state  `json:"to"`   // that it is counted in; empty if it is not
}

func rowSchema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{
		"type": "object", "properties": map[string]any{"id": text, "html": text, "from": text, "to": text},
		"required": []string{"id", "html", "from", "to"},
	}
}

// page is an open page: what it shows, and whose it is.
type page struct {
	h        *Handlers
	filters  filters
	key      string // of the only deployment; empty for the list
	language language
	access   *rest.Access
	frames   chan []byte
	reviewed chan *rest.Access
	err      error
}

// openLive streams changes until ctx ends.
func (h *Handlers) openLive(ctx context.Context, r *http.Request, user *kube.UserClient) (rest.Stream, error) {
	query := r.URL.Query()
	access, err := rest.ReviewAccess(ctx, user, npudeploys.Need("list"), "")
	if err != nil {
		return rest.Stream{}, err
	}
	p := &page{
		h: h, filters: filtersOf(query), key: query.Get("key"), language: languageOf(r), access: access,
		frames: make(chan []byte), reviewed: make(chan *rest.Access, 1),
	}
	position, known := h.Cluster.Deploys().PositionAfter(query.Get("version"))
	go p.run(ctx, position, known)
	authorize := func(ctx context.Context) error {
		return rest.ReviewAgain(ctx, user, npudeploys.Need("list"), "", p.reviewed)
	}
	return rest.Stream{ContentType: stream.ContentType, Frames: p.frames, Err: func() error { return p.err }, Authorize: authorize}, nil
}

func (p *page) run(ctx context.Context, position live.Position, known bool) {
	defer close(p.frames)
	check := time.NewTicker(staleInterval)
	defer check.Stop()
	wasStale := false
	if !known {
		p.send(ctx, stream.Event{Name: "read"})
	}
	for {
		events, state, changed, complete := p.h.Cluster.Deploys().EventsSince(position)
		if position = state.Position; !complete && known {
			p.send(ctx, stream.Event{Name: "read"})
		}
		known = true
		for _, event := range events {
			if p.err = p.sendChange(ctx, event); p.err != nil {
				return
			}
		}
		select {
		case <-changed:
		case p.access = <-p.reviewed:
		case <-check.C:
			wasStale = p.sendStale(ctx, wasStale)
		case <-ctx.Done():
			return
		}
	}
}

// sendStale sends how old the state is while Kubernetes is unreachable, and once that it is
// reachable again.
func (p *page) sendStale(ctx context.Context, was bool) bool {
	since := p.h.Cluster.UnreachableSince(live.NpuDeploys)
	if !since.IsZero() {
		table := words()[p.language]
		text := table.word("stale") + " " + duration.HumanDuration(p.h.Clock().Sub(since)) + " " + table.word("ago")
		p.send(ctx, stream.Event{Name: "stale", Data: []byte(text)})
		return true
	}
	if was {
		p.send(ctx, stream.Event{Name: "stale"})
	}
	return false
}

// sendChange sends a change that the page shows, if the user may see it.
func (p *page) sendChange(ctx context.Context, event live.Event) error {
	if key := event.Deploy.Namespace + "/" + event.Deploy.Name; p.key != "" && p.key != key {
		return nil
	}
	allowed, err := p.access.In(ctx, event.Deploy.Namespace)
	if err != nil || !allowed {
		return err
	}
	if p.key != "" {
		p.send(ctx, stream.Event{Name: "read"})
		return nil
	}
	change, err := p.changeOf(event)
	if err != nil || change.From == "" && change.To == "" {
		return err
	}
	data, err := json.Marshal(change)
	p.send(ctx, stream.Event{Name: "row", Data: data})
	return err
}

// changeOf returns what an event changes in the list. A deployment that does not match the
// filters is not counted.
func (p *page) changeOf(event live.Event) (rowChange, error) {
	change := rowChange{}
	if event.Before != nil {
		before := newRow(event.Before.NpuDeploy, p.h.Clock())
		change.ID = before.ID()
		if p.filters.matches(before) {
			change.From = before.State
		}
	}
	if event.Type == live.Deleted {
		return change, nil
	}
	after := newRow(event.Deploy.NpuDeploy, p.h.Clock())
	change.ID = after.ID()
	if !p.filters.matches(after) {
		return change, nil
	}
	change.To = after.State
	var err error
	change.HTML, err = p.h.views.row(p.language, after, p.filters.State)
	return change, err
}

func (p *page) send(ctx context.Context, event stream.Event) {
	select {
	case p.frames <- event.Frame():
	case <-ctx.Done():
	}
}

// row renders a row of the list, or nothing if it does not have the selected state.
func (v *views) row(l language, shown row, selected string) (string, error) {
	if selected != "" && selected != string(shown.State) {
		return "", nil
	}
	shown.Language = l
	var text bytes.Buffer
	err := v.byLanguage[l].ExecuteTemplate(&text, "row", shown)
	return text.String(), err
}

// liveURL returns the URL of a page's stream, which continues the state that it shows.
func liveURL(version string, parameters url.Values) string {
	query := url.Values{"version": {version}}
	for name, values := range parameters {
		query[name] = values
	}
	return livePath + "?" + query.Encode()
}
