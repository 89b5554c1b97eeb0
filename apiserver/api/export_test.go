package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/live"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Routers returns what serves nobody in particular, and what serves persons.
func (a *API) Routers() (public, private *mux.Router) { return a.public, a.private }

// Needs are the permissions that routes say their handlers take, as "verb group/resource".
func (a *API) Needs() []string {
	var all []string
	for _, route := range a.routes {
		for _, need := range route.needs {
			all = append(all, need.verb+" "+need.group+"/"+need.resource)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Observed is a handler as the API has its own.
func Observed(registry prometheus.Registerer, handler http.Handler) (http.Handler, error) {
	metrics, err := newMetrics(registry, limits.NewStreams(0, 0))
	if err != nil {
		return nil, err
	}
	return observe(metrics, time.Now)(recovering(handler)), nil
}

// MaxLine is how much of a line is kept at a time.
const MaxLine = maxLine

// Block splits a log.
func Block(data []byte, atEOF bool) (int, []byte, error) { return block(data, atEOF) }

// Visible are the NpuDeploys that a person may list.
func (a *API) Visible(ctx context.Context, person auth.User) ([]v1.NpuDeploy, error) {
	user, err := a.options.Users.Client(person)
	if err != nil {
		return nil, err
	}
	return a.visible(ctx, user)
}

// ReadDeploy reads a body.
func ReadDeploy(r *http.Request) (*unstructured.Unstructured, error) { return readDeploy(r) }

// ReadScale reads a body of one of this API's own types.
func ReadScale(r *http.Request) (replicas *int32, err error) {
	var wanted wantedScale
	err = readJSON(r, &wanted)
	return wanted.Replicas, err
}

// ReadQuery reads all that queries have of lists, watches and logs, and returns the faults.
func ReadQuery(r *http.Request) []error {
	_, selection := selectionOf(r)
	_, version := versionParameter(r)
	_, log := logOptions(r)
	_, cut := cutOf(r)
	return []error{selection, version, log, cut}
}

// ThereAndBack is a key by way of the token of a page.
func ThereAndBack(key live.Key) (live.Key, error) { return keyOf(tokenOf(key)) }
