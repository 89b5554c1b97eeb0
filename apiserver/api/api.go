package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/dashboard"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/namespaces"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/previews"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/projects"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/rollouts"
	"github.com/dudaji/nufi/apiserver/traffic"
	"github.com/dudaji/nufi/apiserver/workloads"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// Options configures an API.
type Options struct {
	Authenticator  auth.Authenticator
	Users          *kube.UserClients
	Templates      func() *render.Templates // those that serve now
	TemplateState  func() templates.State
	Live           *live.Cache
	Devices        *devices.Store
	Traffic        traffic.Querier // nil: no Prometheus
	Login          *auth.Login     // nil: no login with a browser
	TrustedOrigins []string        // scheme://host[:port] of other pages that may read and write
	Log            logr.Logger
	Registry       prometheus.Registerer
	Clock          func() time.Time
	Limits         Limits
}

// Limits bound what clients may use.
type Limits struct {
	HeaderBytes, AddressBytes int // below those of the HTTP server
	BodyBytes                 int64
	BodyTime                  time.Duration // until a body has arrived; below the HTTP server's
	InFlight                  int           // requests at a time, of all users; three quarters of them may write
	Time                      time.Duration // of one request
	User                      limits.Budget
	Streams                   rest.StreamLimits
	Check                     previews.CheckLimits
}

// DefaultLimits are far above what users and their tools need.
func DefaultLimits() Limits {
	return Limits{
		HeaderBytes:  64 << 10, // fits a token or a session with many groups
		AddressBytes: 8 << 10,
		BodyBytes:    1 << 20,
		BodyTime:     20 * time.Second,
		InFlight:     400,
		Time:         30 * time.Second,
		User:         limits.Budget{PerSecond: 50, Burst: 200, InFlight: 50},
		Streams: rest.StreamLimits{
			Total: 2000, PerUser: 50,
			Heartbeat: 15 * time.Second, Revalidate: 30 * time.Second, Write: 10 * time.Second,
		},
		Check: previews.CheckLimits{BodyBytes: 4 << 20, InFlight: 2, Time: 50 * time.Second},
	}
}

// API serves the routes.
type API struct {
	options Options
	streams *rest.Streams
	routes  []rest.Route
	public  *mux.Router
	private *mux.Router
	handler http.Handler
}

// New returns the API. It makes no call yet.
func New(options Options) (*API, error) {
	if options.Authenticator == nil || options.Users == nil || options.Templates == nil || options.TemplateState == nil || options.Live == nil || options.Devices == nil {
		return nil, errors.New("an API needs an authenticator, users, templates, a live cluster and devices")
	}
	a := &API{options: options, streams: rest.NewStreams(rest.StreamOptions{
		Limits: options.Limits.Streams, Timeout: options.Limits.Time, Authenticator: options.Authenticator, Clock: options.Clock,
		Connected: func() bool { return options.Live.UnreachableSince(live.NpuDeploys).IsZero() },
	})}
	pages, err := dashboard.New(dashboard.Options{Cluster: options.Live, Devices: options.Devices, REST: a.table(), Streams: a.streams, HasLogin: options.Login != nil, Clock: options.Clock})
	if err != nil {
		return nil, err
	}
	a.routes = append(pages.REST, pages.Routes()...)
	document, err := document(a.routes, options.Login != nil)
	if err != nil {
		return nil, err
	}
	a.public = publicRouter(document, pages, options.Login)
	a.private = rest.NewRouter(a.routes, rest.RouterOptions{
		Users: options.Users, BodyBytes: options.Limits.BodyBytes, BodyTimeout: options.Limits.BodyTime, Timeout: options.Limits.Time,
	})
	metrics, err := rest.NewMetrics(options.Registry, a.streams)
	if err != nil {
		return nil, err
	}
	return a, a.wrap(metrics, pages)
}

// EndStreams ends the streams that are open, and those to come at once. A server that stops
// would otherwise wait for them.
func (a *API) EndStreams() { a.streams.End() }

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// table returns every route that requires a user.
func (a *API) table() []rest.Route {
	o := a.options
	projects := projects.New(o.Live, a.streams, o.Templates, o.Clock)
	previews := previews.New(previews.Options{
		Cluster: o.Live, Templates: o.Templates, TemplateState: o.TemplateState, VisibleProjects: projects.Visible,
		Checks: o.Limits.Check, PerUser: o.Limits.User, Clock: o.Clock,
	})
	deploys := npudeploys.New(npudeploys.Options{
		Cluster: o.Live, Streams: a.streams, Clock: o.Clock, CheckRender: previews.CheckRender,
	})
	devices := devices.NewHandlers(o.Live, o.Devices, a.streams, o.Clock)
	return slices.Concat(
		deploys.Routes(),
		workloads.New(o.Live, a.streams, o.Limits.Time, previews.Objects).Routes(),
		traffic.New(traffic.Options{Querier: o.Traffic, Dialect: previews.Dialect, Clock: o.Clock}).Routes(),
		projects.Routes(),
		namespaces.New(o.Live, o.Clock).Routes(),
		previews.Routes(),
		devices.Routes(),
		rollouts.Routes(),
		[]rest.Route{a.streams.MergedRoute(rest.Prefix+"/watch", watchEventSchema, deploys.Topic(), projects.Topic(), devices.Topic())},
	)
}

// publicRouter serves what requires no user.
func publicRouter(document []byte, pages *dashboard.Handlers, login *auth.Login) *mux.Router {
	router := mux.NewRouter()
	router.HandleFunc("/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		_ = rest.WriteEncoded(w, http.StatusOK, document)
	}).Methods(http.MethodGet, http.MethodHead)
	router.HandleFunc(dashboard.AssetPath, pages.Asset).Methods(http.MethodGet, http.MethodHead)
	if login != nil {
		router.HandleFunc("/login", login.Start).Methods(http.MethodGet, http.MethodHead)
		router.HandleFunc("/login/callback", login.Callback).Methods(http.MethodGet, http.MethodHead)
		router.HandleFunc("/logout", login.Logout).Methods(http.MethodPost)
		router.HandleFunc("/logout", pages.LoggedOut).Methods(http.MethodGet, http.MethodHead)
	}
	return router
}

// wrap adds the middleware of all routes, the innermost first.
func (a *API) wrap(metrics *rest.Metrics, pages *dashboard.Handlers) error {
	crossOrigin, err := auth.RejectCrossOrigin(rest.Rejected("cross-origin", problem.WriteStatus), a.options.TrustedOrigins...)
	if err != nil {
		return fmt.Errorf("trusted origins: %w", err)
	}
	unauthenticated := rest.Rejected("credentials", problem.WriteStatus)
	if a.options.Login != nil {
		unauthenticated = dashboard.RedirectToLogin(unauthenticated)
	}
	a.handler = a.private
	for _, middleware := range []func(http.Handler) http.Handler{
		rest.RejectEncodedSlashes,
		limits.PerUser(a.options.Limits.User, a.options.Clock),
		rest.RecordUser,
		auth.Middleware(a.options.Authenticator, unauthenticated),
		rest.PublicFirst(a.public),
		limits.NewSlots(a.options.Limits.InFlight).Middleware,
		crossOrigin,
		auth.RejectIdentityHeaders(rest.Rejected("identity header", problem.WriteStatus)),
		rest.CORS(a.options.TrustedOrigins),
		limits.Header(a.options.Limits.HeaderBytes, a.options.Limits.AddressBytes),
		rest.MatchRoute(a.private, a.routes),
		rest.Recover,
		pages.ErrorPages,
		rest.Observe(metrics, a.options.Clock),
		rest.Identify(a.options.Log),
	} {
		a.handler = middleware(a.handler)
	}
	return nil
}
