package api

import (
	"context"
	goruntime "runtime"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxRecalled bounds the memory: an entry is the objects of a deployment, some 10 KB.
const maxRecalled = 512

// basis is what an NpuDeploy renders by. Besides, only its name, namespace and spec count.
type basis struct {
	set   *render.Templates
	facts render.ProjectSettings
	// sources is whether the result is to tell where its fields came from.
	sources bool
}

// rendered is an NpuDeploy and what it renders to, or why it does not.
type rendered struct {
	object *unstructured.Unstructured
	result *render.Result
	fault  error
}

// renders makes the manifests of NpuDeploys, which takes a processor for milliseconds: only
// so many at a time as there are. It remembers those of the live ones.
type renders struct {
	slots chan struct{}
	known *lru.Cache // edition -> *render.Result, of nothing but the objects
}

// edition is all that the manifests of a live NpuDeploy depend on.
type edition struct {
	uid        types.UID
	generation int64
	digest     string
	facts      render.ProjectSettings
}

func newRenders() *renders {
	return &renders{slots: make(chan struct{}, goruntime.GOMAXPROCS(0)), known: lru.New(maxRecalled)}
}

// recall renders a live one, unless it did so before. Nobody may change the objects.
func (r *renders) recall(ctx context.Context, by basis, live *rendered) error {
	key := edition{live.object.GetUID(), live.object.GetGeneration(), by.set.Digest, by.facts}
	if result, known := r.known.Get(key); known && !by.sources {
		live.result, _ = result.(*render.Result)
		return nil
	}
	if err := r.render(ctx, by, live); err != nil || live.fault != nil {
		return err
	}
	r.known.Add(key, &render.Result{Manifests: render.Manifests{Objects: live.result.Objects}})
	return nil
}

// next renders what follows on is, which may be the same.
func (r *renders) next(ctx context.Context, by basis, is, then *rendered) error {
	if is.result != nil && sameSpec(is.object, then.object) {
		then.result = is.result
		return nil
	}
	return r.render(ctx, by, then)
}

func sameSpec(a, b *unstructured.Unstructured) bool {
	return equality.Semantic.DeepEqual(a.Object["spec"], b.Object["spec"])
}

func (r *renders) render(ctx context.Context, by basis, one *rendered) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	deploy := &v1.NpuDeploy{}
	if one.fault = runtime.DefaultUnstructuredConverter.FromUnstructured(one.object.Object, deploy); one.fault == nil {
		one.result, one.fault = by.set.Render(deploy, by.facts)
	}
	return nil
}
