package previews

import (
	"context"
	"fmt"
	goruntime "runtime"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxCached bounds the cache: an entry is the objects of an NpuDeploy, about 10 KB.
const maxCached = 512

// renderInput is what an NpuDeploy is rendered with. Of the NpuDeploy itself, only name,
// namespace, spec and the backends in the status matter.
type renderInput struct {
	templates *render.Templates
	settings  render.ProjectSettings
	sources   bool // record where fields come from
}

// rendered is an NpuDeploy, and its objects or the error of rendering it.
type rendered struct {
	object *unstructured.Unstructured
	result *render.Result
	err    error
}

// renderer renders NpuDeploys, which takes milliseconds of processor time: no more at a time
// than there are processors. It caches the objects of live NpuDeploys.
type renderer struct {
	slots chan struct{}
	cache *lru.Cache // cacheKey -> *render.Result without what explains it
}

// cacheKey is all that the objects of a live NpuDeploy depend on.
type cacheKey struct {
	uid        types.UID
	generation int64
	digest     string
	settings   render.ProjectSettings
	traffic    string // of the status
}

func newRenderer() *renderer {
	return &renderer{slots: make(chan struct{}, goruntime.GOMAXPROCS(0)), cache: lru.New(maxCached)}
}

// renderLive renders a live NpuDeploy, unless its objects are cached. The objects must not
// be modified.
func (r *renderer) renderLive(ctx context.Context, input renderInput, live *rendered) error {
	traffic, _, _ := unstructured.NestedFieldNoCopy(live.object.Object, "status", "traffic")
	key := cacheKey{live.object.GetUID(), live.object.GetGeneration(), input.templates.Digest, input.settings, fmt.Sprint(traffic)}
	if result, ok := r.cache.Get(key); ok && !input.sources {
		live.result, _ = result.(*render.Result)
		return nil
	}
	if err := r.render(ctx, input, live); err != nil || live.err != nil {
		return err
	}
	r.cache.Add(key, &render.Result{Manifests: render.Manifests{Objects: live.result.Objects}, Resolved: live.result.Resolved})
	return nil
}

// renderNext renders the NpuDeploy that would replace live, which may have the same spec.
func (r *renderer) renderNext(ctx context.Context, input renderInput, live, next *rendered) error {
	if live.result != nil && sameSpec(live.object, next.object) {
		next.result = live.result
		return nil
	}
	return r.render(ctx, input, next)
}

func sameSpec(a, b *unstructured.Unstructured) bool {
	return equality.Semantic.DeepEqual(a.Object["spec"], b.Object["spec"])
}

// render sets the result of deploy or its error, and returns an error only if ctx ends. Backends have the
// states that the controller reported last.
func (r *renderer) render(ctx context.Context, input renderInput, deploy *rendered) error {
	if err := r.acquire(ctx); err != nil {
		return err
	}
	defer r.release()
	typed := &v1.NpuDeploy{}
	if deploy.err = runtime.DefaultUnstructuredConverter.FromUnstructured(deploy.object.Object, typed); deploy.err == nil {
		deploy.result, deploy.err = input.templates.Render(typed, input.settings, render.ReportedBackends(typed)...)
	}
	return nil
}

// acquire waits for the turn to render, until ctx ends.
func (r *renderer) acquire(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *renderer) release() { <-r.slots }
