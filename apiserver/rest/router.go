package rest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/gorilla/mux"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/message"
)

// RouterOptions are what every route shares.
type RouterOptions struct {
	Users       *kube.UserClients
	BodyBytes   int64         // of a request
	BodyTimeout time.Duration // until the body has arrived
	Timeout     time.Duration // of a request that is not a stream, after the body has arrived
}

// NewRouter returns a router that serves the routes to authenticated users.
func NewRouter(routes []Route, options RouterOptions) *mux.Router {
	router := mux.NewRouter().SkipClean(true) // a redirect would turn a POST into a GET
	router.NotFoundHandler = http.HandlerFunc(notFound)
	router.MethodNotAllowedHandler = methodNotAllowed(router)
	for _, route := range routes {
		router.Handle(route.Path, options.limit(route)).Methods(withHead(route.Method)...)
	}
	return router
}

// limit records the route for metrics and the audit log, and applies its limits.
func (o RouterOptions) limit(route Route) http.Handler {
	handler := o.respond(route)
	for _, middleware := range []func(http.Handler) http.Handler{
		route.AfterBody, o.bufferBody(route), route.BeforeBody, limits.Bodies(cmp.Or(route.BodyBytes, o.BodyBytes)),
	} {
		if middleware != nil {
			handler = middleware(handler)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := recordFrom(r.Context())
		record.route, record.change = route.Path, route.Change
		record.user, _ = auth.UserFrom(r.Context())
		handler.ServeHTTP(w, r)
	})
}

// bufferBody reads the whole body before the request is served. A client that sends slowly
// uses none of the slots of all clients meanwhile.
func (o RouterOptions) bufferBody(route Route) func(http.Handler) http.Handler {
	if len(route.Accepts) == 0 {
		return nil
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var text []byte
			var err error
			control := http.NewResponseController(w)
			hasSlot := limits.WithoutSlot(r.Context(), func() {
				_ = control.SetReadDeadline(time.Now().Add(o.BodyTimeout)) // not supported without a connection
				if text, err = ReadBody(r); err == nil {
					_ = control.SetReadDeadline(time.Time{}) // or it would cancel the request's context
				}
			})
			switch {
			case err != nil:
				response, _ := problem.From(err)
				problem.Write(w, r, response)
			case !hasSlot:
				busy := problem.New(http.StatusTooManyRequests, "the server is busy")
				busy.RetryAfter = 1
				problem.Write(w, r, busy)
			default:
				r.Body = io.NopCloser(bytes.NewReader(text))
				next.ServeHTTP(w, r)
			}
		})
	}
}

// statusClientClosed is what proxies record for a request whose client hung up.
const statusClientClosed = 499

// respond writes the handler's error as a problem.
func (o RouterOptions) respond(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := o.context(r.Context(), route)
		defer cancel()
		err := o.serve(route, w, r.WithContext(ctx))
		if err == nil {
			return
		}
		if r.Context().Err() != nil {
			w.WriteHeader(statusClientClosed)
			return
		}
		response, expected := problem.From(err)
		if !expected {
			logr.FromContextOrDiscard(r.Context()).Error(err, "Could not serve a request", "route", route.Path)
		}
		problem.Write(w, r, response)
	})
}

func (o RouterOptions) context(ctx context.Context, route Route) (context.Context, context.CancelFunc) {
	if route.Stream {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, cmp.Or(route.Timeout, o.Timeout))
}

// serve checks the request and calls the route's handler.
func (o RouterOptions) serve(route Route, w http.ResponseWriter, r *http.Request) error {
	caller, ok := auth.UserFrom(r.Context())
	if !ok {
		return problem.New(http.StatusUnauthorized, "log in, or send a bearer token")
	}
	if err := checkQuery(r, route.Query); err != nil {
		return err
	}
	if err := checkBody(r, route.Operation); err != nil {
		return err
	}
	user, err := o.Users.Client(caller)
	if err != nil {
		return err
	}
	if err := checkPath(r); err != nil {
		return err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		r = r.WithContext(kube.WithWarnings(r.Context(), warningWriter(w)))
	}
	return addMissing(r, route, user, route.Handler(w, r, user))
}

const (
	maxWarnings       = 10 // of a response
	maxWarningBytes   = 1024
	warnMiscellaneous = 299 // the code of Kubernetes' warnings
)

// warningWriter returns a function that adds Kubernetes' warnings about a write to the response,
// each once.
func warningWriter(w http.ResponseWriter) func(text string) {
	var mu sync.Mutex
	written := map[string]bool{}
	return func(text string) {
		header, err := utilnet.NewWarningHeader(warnMiscellaneous, "-", message.Line(text, maxWarningBytes))
		mu.Lock()
		defer mu.Unlock()
		if err != nil || written[header] || len(written) >= maxWarnings {
			return
		}
		written[header] = true
		w.Header().Add("Warning", header)
	}
}

// checkPath rejects names that no object can have, before a call is made of them.
func checkPath(r *http.Request) error {
	vars := mux.Vars(r)
	if namespace, ok := vars["namespace"]; ok && len(validation.IsDNS1123Label(namespace)) > 0 {
		return problem.New(http.StatusNotFound, "no namespace can have this name")
	}
	if name, ok := vars["name"]; ok && len(validation.IsDNS1123Subdomain(name)) > 0 {
		return problem.New(http.StatusNotFound, "no object can have this name")
	}
	return nil
}

// RejectEncodedSlashes responds with 404 to a path with %2F. The router matches decoded paths,
// and would take it for a separator.
func RejectEncodedSlashes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(strings.ToLower(r.URL.EscapedPath()), "%2f") {
			notFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	problem.WriteStatus(w, r, http.StatusNotFound, "there is nothing at this path")
}

// withHead adds HEAD to GET.
func withHead(method string) []string {
	if method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{method}
}

// methods returns the methods that routes have.
func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// methodNotAllowed responds with the methods that the path has.
func methodNotAllowed(router *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range methods() {
			other := r.Clone(r.Context())
			other.Method = method
			var match mux.RouteMatch
			if router.Match(other, &match) && match.MatchErr == nil {
				allowed = append(allowed, method)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem.WriteStatus(w, r, http.StatusMethodNotAllowed, "the path takes "+strings.Join(allowed, ", "))
	})
}
