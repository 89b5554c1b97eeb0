package api

import "github.com/gorilla/mux"

// Routers returns what serves nobody in particular, and what serves persons.
func (a *API) Routers() (public, private *mux.Router) { return a.public, a.private }
