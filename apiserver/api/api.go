package api

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// Options are what the API is made of.
type Options struct {
	Authenticator  auth.Authenticator
	Users          *kube.Users
	Templates      func() *render.Templates // those that serve now
	TemplateState  func() templates.State
	Live           *live.Cache    // what is known without asking
	Devices        *devices.Store // who holds which
	Login          *auth.Login    // nil: nobody logs in with a browser
	TrustedOrigins []string       // scheme://host[:port] of pages that may write
	Log            logr.Logger
	Registry       prometheus.Registerer
	Clock          func() time.Time
	Limits         Limits
}

// Limits bound what clients may take.
type Limits struct {
	HeaderBytes, AddressBytes int // below what the server that listens lets through
	BodyBytes                 int64
	InFlight                  int           // requests being served at a time, in all
	Time                      time.Duration // of one request
	Person                    limits.Budget
	Streams                   StreamLimits
	Check                     CheckLimits
}

// StreamLimits bound answers that go on and on.
type StreamLimits struct {
	InAll, PerPerson int
	Beat             time.Duration // from one sign of life to the next
	Review           time.Duration // until a person is asked for again, and what they may
	Write            time.Duration // until a reader who does not read is cut
}

// CheckLimits bound checks of templates, each of which is a stranger's program that runs in
// a process of its own. A person has one at a time.
type CheckLimits struct {
	BodyBytes int64
	InFlight  int           // in all
	Time      time.Duration // of one; the server's time to write an answer has to be longer
}

// DefaultLimits are far above what people and their tools need.
func DefaultLimits() Limits {
	return Limits{
		HeaderBytes:  64 << 10, // a token or a session of many groups fits in
		AddressBytes: 8 << 10,
		BodyBytes:    1 << 20,
		InFlight:     400,
		Time:         30 * time.Second,
		Person:       limits.Budget{PerSecond: 50, Burst: 200, InFlight: 50},
		Streams: StreamLimits{
			InAll: 2000, PerPerson: 50,
			Beat: 15 * time.Second, Review: 30 * time.Second, Write: 10 * time.Second,
		},
		Check: CheckLimits{BodyBytes: 4 << 20, InFlight: 2, Time: 50 * time.Second},
	}
}

// API serves the routes.
type API struct {
	options Options
	renders *renders
	pages   sync.Pool // of *bytes.Buffer, for lists
	streams *limits.Streams
	ending  chan struct{} // closed when streams are to end
	end     func()
	routes  []route
	public  *mux.Router
	private *mux.Router
	handler http.Handler
}

// New returns the API. It asks nobody anything yet.
func New(options Options) (*API, error) {
	if options.Authenticator == nil || options.Users == nil || options.Templates == nil || options.TemplateState == nil || options.Live == nil || options.Devices == nil {
		return nil, errors.New("an API needs an authenticator, users, templates, what is live and devices")
	}
	ending := make(chan struct{})
	a := &API{
		options: options,
		renders: newRenders(),
		streams: limits.NewStreams(options.Limits.Streams.InAll, options.Limits.Streams.PerPerson),
		ending:  ending, end: sync.OnceFunc(func() { close(ending) }),
	}
	a.routes = a.table()
	document, err := a.document()
	if err != nil {
		return nil, err
	}
	a.public, a.private = publicRouter(document, options.Login), a.privateRouter()
	metrics, err := newMetrics(options.Registry, a.streams)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return a, a.wrap(metrics)
}

// EndStreams ends the streams that are open, and those to come at once. A server that
// stops would wait for them in vain.
func (a *API) EndStreams() { a.end() }

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// wrap puts the layers around the routers, the innermost first.
func (a *API) wrap(metrics *metrics) error {
	crossOrigin, err := auth.RejectCrossOrigin(problem.WriteStatus, a.options.TrustedOrigins...)
	if err != nil {
		return fmt.Errorf("trusted origins: %w", err)
	}
	var handler http.Handler = a.private
	for _, layer := range []func(http.Handler) http.Handler{
		limits.PerUser(a.options.Limits.Person, a.options.Clock),
		auth.Middleware(a.options.Authenticator, problem.WriteStatus),
		publicFirst(a.public),
		limits.InFlight(a.options.Limits.InFlight),
		crossOrigin,
		auth.RejectIdentityHeaders(problem.WriteStatus),
		limits.Header(a.options.Limits.HeaderBytes, a.options.Limits.AddressBytes),
		recovering,
		observe(metrics, a.options.Clock),
		identify(a.options.Log),
	} {
		handler = layer(handler)
	}
	a.handler = handler
	return nil
}
