package controller

import (
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/controller/render"
	"github.com/dudaji/nufi/controller/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// wanted is what a generation renders to, or why it does not.
type wanted struct {
	generation int64
	templates  string

	set      *apply.Set // nil if it does not render, or may not be applied
	resolved *status.Resolved
	endpoint *render.Endpoint

	rendered status.Outcome
	refused  status.Outcome // of apply, where the set is at fault
	err      error
}

// wantedCache keeps what was rendered: a reconcile is often, a change seldom.
type wantedCache struct {
	serving func() *render.Templates
	metrics *metrics

	mu    sync.Mutex
	byUID map[types.UID]*wanted
}

func newWantedCache(serving func() *render.Templates, metrics *metrics) *wantedCache {
	return &wantedCache{serving: serving, metrics: metrics, byUID: map[types.UID]*wanted{}}
}

// of renders deploy unless that was done with these templates.
func (c *wantedCache) of(deploy *v1.NpuDeploy) *wanted {
	templates := c.serving()
	c.mu.Lock()
	known := c.byUID[deploy.UID]
	c.mu.Unlock()
	if known != nil && known.generation == deploy.Generation && known.templates == templates.Digest {
		return known
	}
	fresh := c.render(deploy, templates)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byUID[deploy.UID] = fresh
	return fresh
}

func (c *wantedCache) forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byUID, uid)
}

func (c *wantedCache) render(deploy *v1.NpuDeploy, templates *render.Templates) *wanted {
	want := &wanted{generation: deploy.Generation, templates: templates.Digest}
	start := time.Now()
	result, err := templates.Render(deploy)
	want.rendered = renderOutcome(err)
	c.metrics.countRender(want.rendered.Reason, time.Since(start))
	if err != nil {
		want.err = err
		return want
	}
	want.endpoint = result.Resolved.Endpoint
	want.resolved = &status.Resolved{
		URL:         result.Resolved.URL,
		Image:       result.Resolved.Image,
		Selector:    result.Resolved.Selector,
		Accelerator: result.Resolved.Accelerator,
		Parallelism: result.Resolved.Parallelism,
		Templates:   templates.Digest,
	}
	want.set, want.err = apply.NewSet(apply.DeployOwner(deploy), result.Objects)
	if want.err != nil {
		want.refused.Reason, want.refused.Message = apply.Explain(want.err)
	}
	return want
}

func renderOutcome(err error) status.Outcome {
	if err == nil {
		return status.Outcome{Reason: v1.ReasonRendered}
	}
	if faults := (*render.Error)(nil); errors.As(err, &faults) {
		return status.Outcome{Reason: v1.ReasonInvalidSpec, Message: err.Error()}
	}
	return status.Outcome{Reason: v1.ReasonInvalidTemplate, Message: err.Error()}
}

// name of the first child of the kind, empty if there is none.
func (w *wanted) name(kind string) string {
	if w.set == nil {
		return ""
	}
	for _, ref := range w.set.Refs() {
		if ref.Kind == kind {
			return ref.Name
		}
	}
	return ""
}

// isRoute holds for what gives a host to a server.
func isRoute(ref apply.Ref) bool {
	routes := []v1.EndpointKind{v1.EndpointVirtualService, v1.EndpointIngress, v1.EndpointHTTPRoute}
	return slices.Contains(routes, v1.EndpointKind(ref.Kind))
}
