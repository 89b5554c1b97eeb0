package api

import (
	"context"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/auth"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Routers returns what serves nobody in particular, and what serves persons.
func (a *API) Routers() (public, private *mux.Router) { return a.public, a.private }

// MaxLine is how much of a line is kept at a time.
const MaxLine = maxLine

// Block splits a log.
func Block(data []byte, atEOF bool) (int, []byte, error) { return block(data, atEOF) }

// Visible are the NpuDeploys that a person may list.
func (a *API) Visible(ctx context.Context, person auth.Person) ([]v1.NpuDeploy, error) {
	user, err := a.options.Users.Client(person)
	if err != nil {
		return nil, err
	}
	return a.visible(ctx, user)
}
