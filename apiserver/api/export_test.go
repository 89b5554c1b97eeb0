package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gorilla/mux"
)

// documented returns the responses of the document, by path, method and status.
var documented = sync.OnceValues(func() (map[string]map[string]struct{ Responses map[string]any }, error) {
	a := &API{options: Options{Limits: DefaultLimits()}}
	text, err := document(a.table(), true)
	var d struct {
		Paths map[string]map[string]struct{ Responses map[string]any }
	}
	return d.Paths, cmp.Or(err, json.Unmarshal(text, &d))
})

// IsDocumented reports whether the document has a status for a request. It is true for requests that no
// operation of REST serves.
func (a *API) IsDocumented(r *http.Request, status int) (bool, error) {
	paths, err := documented()
	var match mux.RouteMatch
	if err != nil || !a.private.Match(r, &match) || match.MatchErr != nil {
		return true, err
	}
	path, err := match.Route.GetPathTemplate()
	method := strings.ToLower(r.Method)
	if method == "head" {
		method = "get"
	}
	operation, isREST := paths[path][method]
	return !isREST || operation.Responses[strconv.Itoa(status)] != nil, err
}

// Routers returns the router that requires no user, and the one that does.
func (a *API) Routers() (public, private *mux.Router) { return a.public, a.private }

// Needs returns the permissions that the routes require, as "verb group/resource".
func (a *API) Needs() []string {
	var needs []string
	for _, route := range a.routes {
		for _, need := range route.Needs {
			needs = append(needs, need.Verb+" "+need.Group+"/"+need.Resource)
		}
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}
