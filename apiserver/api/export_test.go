package api

import "github.com/gorilla/mux"

// Routers returns what serves nobody in particular, and what serves persons.
func (a *API) Routers() (public, private *mux.Router) { return a.public, a.private }

// MaxLine is how much of a line is kept at a time.
const MaxLine = maxLine

// Block splits a log.
func Block(data []byte, atEOF bool) (int, []byte, error) { return block(data, atEOF) }
