package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// handler serves a request with the client of the person who makes it. An error becomes
// a problem, so nothing may have been written before it.
type handler func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error

// route is one method on one path, for whoever is somebody.
type route struct {
	openapi.Operation
	// change is what the route does to the cluster, as the audit log says it: create,
	// patch and so on. Empty for a route that changes nothing.
	change string
	// needs are the permissions that the handler's calls take, so that a refusal can name
	// the one that is missing.
	needs []need
	// bodyBytes and time are the route's own bounds; 0 is what all others have.
	bodyBytes int64
	time      time.Duration
	// layers are bounds besides those of all routes, the innermost first.
	layers []func(http.Handler) http.Handler
	// stream says that the answer has no time to end: see follow.
	stream bool
	serve  handler
}

// need is a permission of Kubernetes' RBAC, in the namespace of the path, or of its project.
type need struct {
	verb, group, resource string
	inside                bool // the project of the path
}

const prefix = "/api/v1"

// table is every route but the public ones.
func (a *API) table() []route {
	return slices.Concat(
		a.meRoutes(), a.readRoutes(), a.watchRoutes(), npuDeploys().writeRoutes(), scaleRoutes(),
		a.projectRoutes(), a.memberRoutes(), a.deviceRoutes(), a.templateRoutes(),
		[]route{
			a.restartRoute(), a.previewRoute(), a.quotaRoute(), a.policyRoute(),
			a.podsRoute(), eventsRoute(), a.logsRoute(),
		},
	)
}

// privateRouter serves the table. Its requests have a person.
func (a *API) privateRouter() *mux.Router {
	router := mux.NewRouter()
	router.NotFoundHandler = http.HandlerFunc(notFound)
	router.MethodNotAllowedHandler = http.HandlerFunc(a.notAllowed)
	for _, route := range a.routes {
		router.Handle(route.Path, a.adapt(route)).Methods(route.Method)
	}
	if login := a.options.Login; login != nil {
		router.HandleFunc("/logout", login.Logout).Methods(http.MethodPost)
	}
	return router
}

// publicRouter serves what needs no person.
func publicRouter(document []byte, login *auth.Login) *mux.Router {
	router := mux.NewRouter()
	router.HandleFunc("/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // the client went away
	}).Methods(http.MethodGet)
	if login != nil {
		router.HandleFunc("/login", login.Start).Methods(http.MethodGet)
		router.HandleFunc("/login/callback", login.Callback).Methods(http.MethodGet)
	}
	return router
}

// publicFirst has the public router serve what it knows, exactly: whatever else there is,
// or is not, is for persons.
func publicFirst(public *mux.Router) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var match mux.RouteMatch
			if public.Match(r, &match) && match.MatchErr == nil {
				routeOf(r, match.Route)
				match.Handler.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func notFound(w http.ResponseWriter, r *http.Request) {
	problem.WriteStatus(w, r, http.StatusNotFound, "there is nothing at this path")
}

// methods are all that routes have.
func methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// notAllowed names the methods that the path has.
func (a *API) notAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range methods() {
		other := r.Clone(r.Context())
		other.Method = method
		var match mux.RouteMatch
		if a.private.Match(other, &match) && match.MatchErr == nil {
			allowed = append(allowed, method)
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	problem.WriteStatus(w, r, http.StatusMethodNotAllowed, "the path takes "+strings.Join(allowed, ", "))
}
