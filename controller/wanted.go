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

// wanted is what a generation renders to, or why it does not.
type wanted struct {
	generation int64
	facts      render.ProjectSettings
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

// of renders deploy unless that was done with these facts and templates.
func (c *wantedCache) of(deploy *v1.NpuDeploy, facts render.ProjectSettings) *wanted {
	return c.keep(deploy, facts, func(want *wanted, templates *render.Templates) ([]*unstructured.Unstructured, error) {
		result, err := templates.Render(deploy, facts)
		if err != nil {
			return nil, err
		}
		want.endpoint = result.Resolved.Endpoint
		want.resolved = &status.Resolved{
			URL:         result.Resolved.URL,
			Image:       result.Resolved.Image,
			Selector:    result.Resolved.Selector,
			Accelerator: result.Resolved.Accelerator,
			Parallelism: result.Resolved.Parallelism,
		}
		return result.Objects, nil
	}, apply.DeployOwner(deploy))
}

// ofProject is of for a Project. There are no values to resolve.
func (c *wantedCache) ofProject(project *v1.Project) *wanted {
	return c.keep(project, render.ProjectSettings{}, func(_ *wanted, templates *render.Templates) ([]*unstructured.Unstructured, error) {
		manifests, err := templates.RenderProject(project)
		if err != nil {
			return nil, err
		}
		return manifests.Objects, nil
	}, apply.ProjectOwner(project))
}

// renders returns an object's manifests, and notes what else of it is wanted.
type renders func(want *wanted, templates *render.Templates) ([]*unstructured.Unstructured, error)

func (c *wantedCache) keep(object client.Object, facts render.ProjectSettings, renders renders, owner apply.Owner) *wanted {
	templates := c.serving()
	c.mu.Lock()
	known := c.byUID[object.GetUID()]
	c.mu.Unlock()
	if known != nil && known.generation == object.GetGeneration() && known.facts == facts && known.templates == templates.Digest {
		return known
	}
	fresh := &wanted{generation: object.GetGeneration(), facts: facts, templates: templates.Digest}
	c.render(fresh, renders, templates, owner)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byUID[object.GetUID()] = fresh
	return fresh
}

func (c *wantedCache) forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byUID, uid)
}

func (c *wantedCache) render(want *wanted, renders renders, templates *render.Templates, owner apply.Owner) {
	start := time.Now()
	objects, err := renders(want, templates)
	want.rendered = renderOutcome(err)
	c.metrics.countRender(want.rendered.Reason, time.Since(start))
	if err != nil {
		want.err = err
		return
	}
	want.set, want.err = apply.NewSet(owner, objects)
	if want.err != nil {
		want.refused.Reason, want.refused.Message = apply.Explain(want.err)
	}
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
