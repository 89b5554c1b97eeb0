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
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/problem"
)

// record is what metrics and the audit log report of a request.
type record struct {
	route   string // the template, never the path: paths are unbounded
	change  string
	subject string // what was changed, where the path does not contain it
	stream  bool   // its duration depends on the client
	user    auth.User

	rejection, detail string // why the request was rejected before its route
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

// slowRequest is the duration from which a request is logged.
const slowRequest = 10 * time.Second

// Observe counts and times requests, and writes the audit log: a line for each request that
// changes something, with its user and outcome, for each slow one and, bounded, for rejected
// ones. No line contains a body or credentials.
func Observe(metrics *Metrics, clock func() time.Time) func(http.Handler) http.Handler {
	rejections := limits.NewLog(rejectionsPerSecond, rejectionBurst, clock)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			record, response, start := &record{route: "none"}, &responseRecorder{ResponseWriter: w}, clock()
			metrics.inFlight.Inc()
			defer func() { //nolint:contextcheck // the request has its context
				metrics.inFlight.Dec()
				method, status, duration := methodLabel(r), cmp.Or(response.status, http.StatusOK), clock().Sub(start)
				if !record.stream {
					metrics.seconds.WithLabelValues(method, record.route).Observe(duration.Seconds())
				}
				metrics.requests.WithLabelValues(method, record.route, strconv.Itoa(status)).Inc()
				nameSpan(r, record, w.Header().Get(problem.RequestID))
				audit(r, record, status)
				auditRejection(r, record, status, rejections)
				if duration >= slowRequest && !record.stream {
					logr.FromContextOrDiscard(r.Context()).Info("Served a slow request",
						"user", record.user.Name(), "method", method, "route", record.route, "status", status, "seconds", duration.Seconds())
				}
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
