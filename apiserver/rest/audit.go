package rest

import (
	"net/http"

	"github.com/go-logr/logr"
	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/limits"
)

// Bounds of the lines about rejected requests, which anyone can cause.
const (
	rejectionsPerSecond = 10
	rejectionBurst      = 100
)

// rejectedCredentials is the rejection of auth.Middleware.
const rejectedCredentials = "credentials"

// Rejected records for the audit log why next rejects a request: credentials, identity header,
// cross-origin or login.
func Rejected(rejection string, next auth.ErrorWriter) auth.ErrorWriter {
	return func(w http.ResponseWriter, r *http.Request, status int, detail string) {
		record := recordFrom(r.Context())
		record.rejection, record.detail = rejection, detail
		next(w, r, status, detail)
	}
}

// MatchRoute records the route of a request, so that metrics and the audit log have it for a
// request that is rejected before the router.
func MatchRoute(router *mux.Router, routes []Route) func(http.Handler) http.Handler {
	changes := map[string]string{}
	for _, route := range routes {
		changes[route.Method+" "+route.Path] = route.Change
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var match mux.RouteMatch
			if router.Match(r, &match) && match.MatchErr == nil && match.Route != nil {
				if template, err := match.Route.GetPathTemplate(); err == nil {
					record := recordFrom(r.Context())
					record.route, record.change = template, changes[r.Method+" "+template]
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// RecordUser records the authenticated user.
func RecordUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recordFrom(r.Context()).user, _ = auth.UserFrom(r.Context())
		next.ServeHTTP(w, r)
	})
}

func audit(r *http.Request, record *record, status int) {
	if record.change == "" || record.user.IsZero() {
		return
	}
	logr.FromContextOrDiscard(r.Context()).Info("Served a change",
		"user", record.user.Name(), "groups", record.user.Groups(), "change", record.change,
		"route", record.route, "path", r.URL.EscapedPath(), "subject", record.subject, "dryRun", r.URL.Query().Get("dryRun"),
		"outcome", outcomeOf(status), "status", status, "client", r.RemoteAddr)
}

// AuditPart logs one of several changes that a request makes, whose own route has no Change. The
// subject is NAMESPACE/NAME, and the status that of the route that was called.
func AuditPart(r *http.Request, called Route, subject string, status int) {
	part := *recordFrom(r.Context())
	part.change, part.subject = called.Change, subject
	audit(r, &part, status)
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

// auditRejection logs a request that was rejected before its route, and a change that a limit
// rejected before authentication. Requests without credentials are not logged unless they
// would change something: they are ordinary.
func auditRejection(r *http.Request, record *record, status int, log *limits.Log) {
	rejection := record.rejection
	if rejection == "" && record.change != "" && record.user.IsZero() && status >= http.StatusBadRequest {
		rejection = "limit"
	}
	isAnonymous := rejection == rejectedCredentials && !auth.HasCredentials(r) && record.change == ""
	if rejection == "" || isAnonymous {
		return
	}
	dropped, ok := log.Allow()
	if !ok {
		return
	}
	logr.FromContextOrDiscard(r.Context()).Info("Rejected a request",
		"rejection", rejection, "detail", record.detail, "method", methodLabel(r), "route", record.route,
		"change", record.change, "status", status, "client", r.RemoteAddr, "dropped", dropped)
}
