package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/problem"
)

// record is what is known of a request when it has been served.
type record struct {
	route  string // the template, never the path: paths are without number
	change string
	about  string // what was changed, where the path does not say
	stream bool   // it lasted as long as the reader liked
	person auth.User
}

type recordKey struct{}

func recordOf(ctx context.Context) *record {
	if found, ok := ctx.Value(recordKey{}).(*record); ok {
		return found
	}
	return &record{}
}

// routeOf notes the template of a route that the public router has matched.
func routeOf(r *http.Request, route *mux.Route) {
	if template, err := route.GetPathTemplate(); err == nil {
		recordOf(r.Context()).route = template
	}
}

// identify gives the request an id of our own, and the answer what every answer has. A
// client's own X-Request-Id is not believed: two requests could have one.
func identify(log logr.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := uuid.NewString()
			header := w.Header()
			header.Set(problem.RequestID, id)
			header.Set("Cache-Control", "no-store")
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			ctx := logr.NewContext(r.Context(), log.WithValues("requestId", id))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// recovering answers 500 where a handler panics. It goes inside observe, which is to see
// the answer.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if met := recover(); met != nil {
				afterPanic(w, r, met)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// afterPanic passes on the panic that means to end a connection, and ends it where an
// answer was begun: a problem behind it would be read as its end.
func afterPanic(w http.ResponseWriter, r *http.Request, met any) {
	if err, ok := met.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(met)
	}
	logr.FromContextOrDiscard(r.Context()).Error(nil, "recovered from a panic", "panic", met, "stack", string(debug.Stack()))
	if begun, ok := w.(*answer); ok && begun.status != 0 {
		panic(http.ErrAbortHandler)
	}
	problem.WriteStatus(w, r, http.StatusInternalServerError, "the server made a mistake; its log has the request id")
}

// observe counts and times requests, and logs each that changes something: who, what and
// how it came out. A body or a credential is in no line.
func observe(metrics *metrics, clock func() time.Time) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen, answer, begun := &record{route: "none"}, &answer{ResponseWriter: w}, clock()
			metrics.inFlight.Inc()
			defer func() {
				metrics.inFlight.Dec()
				method, status := methodOf(r), cmp.Or(answer.status, http.StatusOK)
				if !seen.stream {
					metrics.seconds.WithLabelValues(method, seen.route).Observe(clock().Sub(begun).Seconds())
				}
				metrics.requests.WithLabelValues(method, seen.route, strconv.Itoa(status)).Inc()
				nameSpan(r, seen, w.Header().Get(problem.RequestID))
				audit(r, seen, status)
			}()
			next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), recordKey{}, seen)))
		})
	}
}

// methodOf is a request's method as a label: any other word than these is a client's own,
// and there is no end of them.
func methodOf(r *http.Request) string {
	if slices.Contains(methods(), r.Method) {
		return r.Method
	}
	return "other"
}

// nameSpan says what the span of the request is about, if there is one.
func nameSpan(r *http.Request, seen *record, id string) {
	span := trace.SpanFromContext(r.Context())
	span.SetName(methodOf(r) + " " + seen.route)
	span.SetAttributes(attribute.String("http.route", seen.route), attribute.String("nufi.request.id", id))
}

func audit(r *http.Request, seen *record, status int) {
	if seen.change == "" || seen.person.IsZero() {
		return
	}
	logr.FromContextOrDiscard(r.Context()).Info("served a change",
		"person", seen.person.Name(), "groups", seen.person.Groups(), "change", seen.change,
		"route", seen.route, "path", r.URL.EscapedPath(), "about", seen.about, "dryRun", r.URL.Query().Get("dryRun"),
		"outcome", outcomeOf(status), "status", status, "client", r.RemoteAddr)
}

// outcomeOf is what became of a change. Of one that broke off, Kubernetes may have done it.
func outcomeOf(status int) string {
	switch {
	case status < http.StatusBadRequest:
		return "done"
	case status < statusClientGone:
		return "refused"
	}
	return "unknown"
}

// answer remembers the status.
type answer struct {
	http.ResponseWriter

	status int // 0 until the answer begins
}

// WriteHeader notes the status and passes it on.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer, if nothing has.
func (a *answer) Write(text []byte) (int, error) {
	a.status = cmp.Or(a.status, http.StatusOK)
	return a.ResponseWriter.Write(text)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
