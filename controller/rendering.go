package controller

import (
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// renderInput identifies what a rendering was made from.
type renderInput struct {
	generation int64
	settings   render.ProjectSettings
	templates  string // digest of the set
	serving    string // digest of the serving set
	unknown    string // digest of a requested set that is not stored
	backends   string // states of the backends: see describeBackends
}

// rendersAs reports whether two inputs render to the same manifests.
func (i renderInput) rendersAs(other renderInput) bool {
	i.serving, i.unknown = other.serving, other.unknown
	return i == other
}

// rendering is what a spec renders to, or the error.
type rendering struct {
	input renderInput

	objects  *apply.ObjectSet // nil if it does not render, or may not be applied
	resolved *status.Resolved
	endpoint *render.Endpoint
	update   *status.Update // nil if the serving set would change nothing

	outcome  status.Outcome
	rejected status.Outcome // outcome of apply if the objects may not be applied
	err      error
}

// renderCache keeps the last rendering of each object.
type renderCache struct {
	serving func() (*render.Templates, error)
	metrics *metrics

	mu    sync.Mutex
	byUID map[types.UID]*rendering
}

func newRenderCache(serving func() (*render.Templates, error), metrics *metrics) *renderCache {
	return &renderCache{serving: serving, metrics: metrics, byUID: map[types.UID]*rendering{}}
}

// renderFunc renders an object, and sets the resolved values in r.
type renderFunc func(r *rendering) ([]*unstructured.Unstructured, error)

// failedRendering is the rendering of any object while no templates serve.
func failedRendering(err error) *rendering {
	return &rendering{outcome: renderOutcome(err), err: err}
}

// updateFunc returns the update of an object whose manifests are current, or nil.
type updateFunc func(current *apply.ObjectSet) *status.Update

// get returns the rendering of the object, and renders it if its input changed. update may be nil.
func (c *renderCache) get(object client.Object, input renderInput, owner apply.Owner, render renderFunc, update updateFunc) *rendering {
	cached := c.cached(object.GetUID(), input)
	if cached != nil && cached.input == input {
		return cached
	}
	r := &rendering{}
	if cached != nil && cached.err == nil {
		*r = *cached // The manifests are the same, but another set serves.
	} else {
		c.render(r, owner, render)
	}
	if r.input = input; update != nil {
		r.update = update(r.objects)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byUID[object.GetUID()] = r.packed()
	return r
}

// cached returns the rendering of the object with the same manifests, or nil.
func (c *renderCache) cached(uid types.UID, input renderInput) *rendering {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cached := c.byUID[uid]; cached != nil && cached.input.rendersAs(input) {
		return cached
	}
	return nil
}

// objectsOf returns the cached manifests of the object, or nil.
func (c *renderCache) objectsOf(uid types.UID, input renderInput) *apply.ObjectSet {
	if cached := c.cached(uid, input); cached != nil {
		return cached.objects
	}
	return nil
}

func (c *renderCache) render(r *rendering, owner apply.Owner, render renderFunc) {
	start := time.Now()
	objects, err := render(r)
	r.outcome = renderOutcome(err)
	c.metrics.countRender(r.outcome.Reason, time.Since(start))
	if r.err = err; err == nil {
		r.objects, r.err = apply.NewObjectSet(owner, objects)
	}
	if err == nil && r.err != nil {
		r.rejected.Reason, r.rejected.Message = apply.Explain(r.err)
	}
}

func (c *renderCache) forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byUID, uid)
}

func renderOutcome(err error) status.Outcome {
	if err == nil {
		return status.Outcome{Reason: v1.ReasonRendered}
	}
	if _, isInvalid := errors.AsType[*render.Error](err); isInvalid {
		return status.Outcome{Reason: v1.ReasonInvalidSpec, Message: err.Error()}
	}
	if errors.As(err, new(unusableSetError)) {
		return status.Outcome{Reason: v1.ReasonTemplatesUnusable, Message: err.Error()}
	}
	return status.Outcome{Reason: v1.ReasonInvalidTemplate, Message: err.Error()}
}

// packed returns the rendering for keeping.
func (r *rendering) packed() *rendering {
	packed := *r
	if r.objects != nil {
		packed.objects = r.objects.Packed()
	}
	return &packed
}

// isUpdatedInPlace reports whether the serving set would change objects, but no server.
func (r *rendering) isUpdatedInPlace() bool {
	return r.update != nil && r.update.Effect == string(render.InPlace)
}

// refs returns the objects in apply order, or nil if there are none to apply.
func (r *rendering) refs() []apply.Ref {
	if r.objects == nil {
		return nil
	}
	return r.objects.Refs()
}

// isRoute reports whether an object routes a host.
func isRoute(ref apply.Ref) bool {
	routes := []v1.EndpointKind{v1.EndpointVirtualService, v1.EndpointIngress, v1.EndpointHTTPRoute}
	return slices.Contains(routes, v1.EndpointKind(ref.Kind))
}
