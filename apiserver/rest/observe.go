package rest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/problem"
)

// record is what metrics and the audit log report of a request.
type record struct {
	route   string // the template, never the path: paths are unbounded
	change  string
	subject string // what was changed, where the path does not contain it
	stream  bool   // its duration depends on the client
	user    auth.User
}

type recordKey struct{}

func recordFrom(ctx context.Context) *record {
	if r, ok := ctx.Value(recordKey{}).(*record); ok {
		return r
	}
	return &record{}
}

// SetSubject records for the audit log what a request changes, where the path does not
// contain it.
func SetSubject(ctx context.Context, subject string) { recordFrom(ctx).subject = subject }

// Observe counts and times requests, and logs each that changes something, with its user and
// outcome. No line contains a body or credentials.
func Observe(metrics *Metrics, clock func() time.Time) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			record, response, start := &record{route: "none"}, &responseRecorder{ResponseWriter: w}, clock()
			metrics.inFlight.Inc()
			defer func() {
				metrics.inFlight.Dec()
				method, status := methodLabel(r), cmp.Or(response.status, http.StatusOK)
				if !record.stream {
					metrics.seconds.WithLabelValues(method, record.route).Observe(clock().Sub(start).Seconds())
				}
				metrics.requests.WithLabelValues(method, record.route, strconv.Itoa(status)).Inc()
				nameSpan(r, record, w.Header().Get(problem.RequestID))
				audit(r, record, status)
			}()
			next.ServeHTTP(response, r.WithContext(context.WithValue(r.Context(), recordKey{}, record)))
		})
	}
}

// methodLabel returns a request's method as a label. Methods of no route are unbounded, and
// become "other".
func methodLabel(r *http.Request) string {
	if slices.Contains(methods(), r.Method) {
		return r.Method
	}
	return "other"
}

// nameSpan names the request's span, if there is one, after its route.
func nameSpan(r *http.Request, record *record, id string) {
	span := trace.SpanFromContext(r.Context())
	span.SetName(methodLabel(r) + " " + record.route)
	span.SetAttributes(attribute.String("http.route", record.route), attribute.String("nufi.request.id", id))
}

func audit(r *http.Request, record *record, status int) {
	if record.change == "" || record.user.IsZero() {
		return
	}
	logr.FromContextOrDiscard(r.Context()).Info("served a change",
		"user", record.user.Name(), "groups", record.user.Groups(), "change", record.change,
		"route", record.route, "path", r.URL.EscapedPath(), "subject", record.subject, "dryRun", r.URL.Query().Get("dryRun"),
		"outcome", outcomeOf(status), "status", status, "client", r.RemoteAddr)
}

// outcomeOf returns the outcome of a change. It is unknown if the request was interrupted:
// Kubernetes may have made the change.
func outcomeOf(status int) string {
	switch {
	case status < http.StatusBadRequest:
		return "done"
	case status < statusClientClosed:
		return "refused"
	}
	return "unknown"
}

// responseRecorder records the status of a response.
type responseRecorder struct {
	http.ResponseWriter

	status int // 0 until the response begins
}

// WriteHeader records the status.
func (r *responseRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write records status 200, if there is none yet.
func (r *responseRecorder) Write(text []byte) (int, error) {
	r.status = cmp.Or(r.status, http.StatusOK)
	return r.ResponseWriter.Write(text)
}

// Unwrap gives http.ResponseController access to the connection.
func (r *responseRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
