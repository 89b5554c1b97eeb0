package api

import (
	"slices"

	"github.com/gorilla/mux"
)

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
