// Package dashboard serves the pages for browsers: HTML that is rendered on the server from
// typed view models.
//
// A page is a route of the API server's table, with the same authentication, limits and
// errors as REST. It reads with the identity of its user, by the functions that serve REST.
package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/rest"
)

// Options are what Handlers are made of.
type Options struct {
	Cluster *live.Cache
	Devices *devices.Store
	REST    []rest.Route // which the pages call
	Streams *rest.Streams
	// HasLogin is true if users log in with the browser.
	HasLogin bool
	Clock    func() time.Time
}

// Handlers serve the pages.
type Handlers struct {
	Options

	views   *views
	changes *changeFrames
	assets  []asset
}

// New returns Handlers.
func New(options Options) (*Handlers, error) {
	style, err := newAsset("style.css", "text/css; charset=utf-8")
	if err != nil {
		return nil, err
	}
	script, err := newAsset("script.js", "text/javascript; charset=utf-8")
	if err != nil {
		return nil, err
	}
	views, err := newViews(style.path, script.path)
	if err != nil {
		return nil, fmt.Errorf("parsing the pages: %w", err)
	}
	return &Handlers{
		Options: options, views: views, changes: newChangeFrames(views, options.Clock), assets: []asset{style, script},
	}, nil
}

// Routes returns the routes of all pages, and of their streams.
func (h *Handlers) Routes() []rest.Route {
	return slices.Concat([]rest.Route{
		h.deploymentsRoute(), h.withLive("devices", h.devicesRoute()), h.withLive("projects", h.projectsRoute()),
		h.meRoute(), h.liveRoute(),
	}, h.selectionRoutes(), h.deploymentRoutes(), h.editorRoutes(), h.projectRoutes(), h.templatesRoutes())
}

// RedirectToLogin sends a browser without credentials to the login, which returns it to the
// requested page. Other errors, and those of other clients, are written by next.
func RedirectToLogin(next auth.ErrorWriter) auth.ErrorWriter {
	return func(w http.ResponseWriter, r *http.Request, status int, detail string) {
		if status != http.StatusUnauthorized || !isNavigation(r) {
			next(w, r, status, detail)
			return
		}
		http.Redirect(w, r, "/login?return="+url.QueryEscape(r.URL.RequestURI()), http.StatusFound)
	}
}

// isNavigation reports whether the request is a browser's for a page. The script cannot follow a redirect to
// the provider.
func isNavigation(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && (mode == "" || mode == "navigate") &&
		r.Header.Get("Authorization") == "" && !strings.HasPrefix(r.URL.Path, rest.Prefix+"/") &&
		acceptsHTML(r)
}
