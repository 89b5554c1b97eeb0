package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-logr/logr"
	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// adapt bounds what a route's handler may be sent, and notes what route it is.
func (a *API) adapt(route route) http.Handler {
	handler := a.respond(route)
	for _, layer := range append(route.layers, limits.Bodies(cmp.Or(route.bodyBytes, a.options.Limits.BodyBytes))) {
		handler = layer(handler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := recordOf(r.Context())
		seen.route, seen.change = route.Path, route.change
		seen.person, _ = auth.UserFrom(r.Context())
		handler.ServeHTTP(w, r)
	})
}

// respond gives a route's handler its person's client and its time, and turns its error
// into a problem.
func (a *API) respond(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := a.timeFor(r.Context(), route)
		defer cancel()
		if err := a.serve(route, w, r.WithContext(ctx)); err != nil {
			if r.Context().Err() != nil { // nobody reads what is wrong
				w.WriteHeader(statusClientGone)
				return
			}
			answer, known := problem.From(err)
			if !known {
				logr.FromContextOrDiscard(r.Context()).Error(err, "could not serve a request", "route", route.Path)
			}
			problem.Write(w, r, answer)
		}
	})
}

// statusClientGone is how proxies count a request whose client hung up: no server's fault.
const statusClientGone = 499

func (a *API) timeFor(ctx context.Context, route route) (context.Context, context.CancelFunc) {
	if route.stream {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, cmp.Or(route.time, a.options.Limits.Time))
}

func (a *API) serve(route route, w http.ResponseWriter, r *http.Request) error {
	person, ok := auth.UserFrom(r.Context())
	if !ok {
		return problem.New(http.StatusUnauthorized, "log in, or send a bearer token")
	}
	if err := checkQuery(r, route.Query); err != nil {
		return err
	}
	user, err := a.options.Users.Client(person)
	if err != nil {
		return err
	}
	if err := checkPath(r); err != nil {
		return err
	}
	return explain(r, route, user, route.serve(w, r, user))
}

// checkPath answers 404 for what can be no object's name, before a call is made of it.
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

// checkQuery refuses parameters that the route does not have, and repeated ones: a typing
// error in dryRun would otherwise write.
func checkQuery(r *http.Request, known []openapi.Parameter) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(http.StatusBadRequest, "the query cannot be read")
	}
	for name, values := range query {
		if !slices.ContainsFunc(known, func(p openapi.Parameter) bool { return p.Name == name }) {
			return problem.New(http.StatusBadRequest, "the query parameter "+clip(name)+" is not known here")
		}
		if len(values) > 1 {
			return problem.New(http.StatusBadRequest, "the query parameter "+name+" is given more than once")
		}
	}
	return nil
}

// clip shortens a client's text for a message.
func clip(text string) string { return text[:min(len(text), 64)] }
