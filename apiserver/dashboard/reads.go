package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
)

// templatesPageName is the page that shows counts of deployments.
const templatesPageName = "templates"

// trafficPageName is the tab of a deployment that shows measurements.
const trafficPageName = "traffic"

// trafficInterval is the time between two reads of the measurements: Prometheus scrapes as often.
const trafficInterval = 15 * time.Second

// readInterval is the shortest time between two comparisons of a page with its current content.
const readInterval = 2 * time.Second

// livePages returns the names of the pages that are read again when the responses of REST that
// they show have changed.
func livePages() []string { return slices.Sorted(maps.Keys(operationsOfPages())) }

// operationsOfPages returns the operations whose responses each page shows.
func operationsOfPages() map[string][]string {
	return map[string][]string{
		"devices":         {devicesOperation},
		"projects":        {projectsOperation, devicesOperation, meOperation},
		"project":         {readProjectOperation, devicesOperation, meOperation},
		trafficPageName:   {readOperation, trafficOperation},
		templatesPageName: {templatesOperation, rolloutsOperation},
	}
}

// responses has the digests of the responses of REST to a request, by operation.
type responses map[string][sha256.Size]byte

type responsesKey struct{}

// recordResponse records a response if it is one to a request of a live page.
func recordResponse(ctx context.Context, operation string, body []byte) {
	if recorded, ok := ctx.Value(responsesKey{}).(responses); ok {
		recorded[operation] = sha256.Sum256(body)
	}
}

func withResponses(r *http.Request) (*http.Request, responses) {
	recorded := responses{}
	return r.WithContext(context.WithValue(r.Context(), responsesKey{}, recorded)), recorded
}

// version returns a digest of the responses that a page shows.
func (recorded responses) version(name string) string {
	digest := sha256.New()
	for _, operation := range operationsOfPages()[name] {
		sum := recorded[operation]
		digest.Write(sum[:])
	}
	return hex.EncodeToString(digest.Sum(nil)[:8])
}

type livePageKey struct{}

// withLive makes a page live: its stream sends an event when one of its responses changes.
func (h *Handlers) withLive(name string, route rest.Route) rest.Route {
	next := route.Handler
	route.Handler = func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		r, _ = withResponses(r)
		return next(w, r.WithContext(context.WithValue(r.Context(), livePageKey{}, name)), user)
	}
	return route
}

// liveURLOf returns the URL of the stream of a live page, which continues the responses that it
// shows, or nothing for other pages.
func liveURLOf(r *http.Request) string {
	name, isLive := r.Context().Value(livePageKey{}).(string)
	if !isLive {
		return ""
	}
	recorded, _ := r.Context().Value(responsesKey{}).(responses)
	query := url.Values{"page": {name}, languageParameter: {string(languageOf(r))}}
	if vars := mux.Vars(r); vars["name"] != "" {
		query.Set("key", strings.TrimPrefix(vars["namespace"]+"/"+vars["name"], "/"))
	}
	return liveURL(recorded.version(name), query)
}

// version returns the version of a page for the user. The parameter key is the name of its object, with
// its namespace if it has one.
func (h *Handlers) version(r *http.Request, user *kube.UserClient, name string) (string, error) {
	vars, key := map[string]string{}, r.URL.Query().Get("key")
	if namespace, deploy, hasNamespace := strings.Cut(key, "/"); hasNamespace {
		vars["namespace"], vars["name"] = namespace, deploy
	} else {
		vars["name"] = key
	}
	r, recorded := withResponses(mux.SetURLVars(r, vars))
	for _, operation := range operationsOfPages()[name] {
		_, err := h.call(r, user, operation, input{})
		if failure, ok := problem.From(err); ok && failure.Status == http.StatusForbidden && operation == rolloutsOperation {
			continue // the page shows that
		}
		if err != nil {
			return "", err
		}
	}
	return recorded.version(name), nil
}

// reads is an open page of other objects than deployments.
type reads struct {
	tab

	read     func(context.Context) (version string, err error)
	name     string        // of livePages
	reviewed chan struct{} // the user's access may have changed
	stale    bool          // the tab shows that Kubernetes is unreachable
}

func (h *Handlers) openReads(ctx context.Context, r *http.Request, user *kube.UserClient, name string) (rest.Stream, error) {
	if !slices.Contains(livePages(), name) {
		return rest.Stream{}, problem.New(http.StatusBadRequest, "there is no page of this name")
	}
	p := &reads{tab: newTab(h, languageOf(r)), name: name, reviewed: make(chan struct{}, 1)}
	p.read = func(ctx context.Context) (string, error) { return h.version(r.WithContext(ctx), user, name) }
	if name != templatesPageName && name != trafficPageName {
		p.resource = live.Projects
	}
	if _, err := p.read(ctx); err != nil {
		return rest.Stream{}, err
	}
	go p.run(ctx, r.URL.Query().Get("version"))
	return p.stream(func(context.Context) error {
		select {
		case p.reviewed <- struct{}{}:
		default: // a review is pending
		}
		return nil
	}), nil
}

// run compares the version of the page with the current one after each change, until ctx ends.
func (p *reads) run(ctx context.Context, shown string) {
	defer close(p.frames)
	interval := staleInterval
	if p.name == trafficPageName {
		interval = trafficInterval
	}
	check := time.NewTicker(interval)
	defer check.Stop()
	devices := p.h.Devices.Subscribe(ctx)
	p.stale = p.sendStale(ctx, true)
	for {
		changed := p.changed(devices)
		version, err := p.read(ctx)
		if err != nil && !kube.Unreachable(err) {
			p.err = err
			return
		}
		if err == nil && version != shown {
			shown = version
			p.sendRead(ctx)
		}
		for !p.wait(ctx, changed, check.C) {
			if ctx.Err() != nil {
				return
			}
		}
		if !sleep(ctx, readInterval) {
			return
		}
	}
}

// wait returns true after a change, and false if it has only checked whether Kubernetes is reachable,
// or ctx has ended.
func (p *reads) wait(ctx context.Context, changed signals, check <-chan time.Time) bool {
	select {
	case <-changed.devices:
	case <-changed.projects:
	case <-changed.deploys:
	case <-p.reviewed:
	case <-check:
		p.stale = p.sendStale(ctx, p.stale)
		return p.name == templatesPageName || p.name == trafficPageName // what they show has no signal
	case <-ctx.Done():
		return false
	}
	return true
}

// signals are closed, or receive, at a change. A nil one never does.
type signals struct{ devices, projects, deploys <-chan struct{} }

// changed returns the signals of the page. They are older than what is read after the call.
func (p *reads) changed(devices <-chan struct{}) signals {
	if p.name == trafficPageName {
		return signals{}
	}
	s := signals{devices: devices, projects: p.h.Cluster.ProjectsChanged()}
	if p.name == templatesPageName {
		_, s.deploys = p.h.Cluster.Deploys().Snapshot()
	}
	return s
}
