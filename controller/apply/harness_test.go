package apply_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Routes()) }

// fixture is one owner in a namespace, and an Applier that works for it.
type fixture struct {
	*harness.Harness

	cache    cache.Cache
	owner    *v1.NpuDeploy
	applier  *apply.Applier
	clock    *testclock.FakeClock
	requests atomic.Int64 // of the Applier
	answer   answer       // to its writes, in place of the API server's
	recorded apply.Recorded
	result   apply.Result // of the last apply

	options apply.Options
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	t.Parallel()
	f := &fixture{Harness: harness.New(t), clock: testclock.NewFakeClock(time.Now())}
	f.owner = f.newOwner("web")
	f.cache = newCache(f.Harness, f.Namespace)
	config := f.Config()
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			f.requests.Add(1)
			if f.answer != nil && request.Method != http.MethodGet {
				return f.answer()
			}
			return next.RoundTrip(request)
		})
	})
	f.options = apply.Options{
		Cache: f.cache, Client: f.ClientFor(config), Clock: f.clock,
		CheckInstalled: func(kind schema.GroupVersionKind) error { return checkInstalled(f.Harness, kind) },
	}
	f.applier = apply.New(f.options)
	return f
}

// newOwner creates an NpuDeploy, which is not rendered.
func (f *fixture) newOwner(name string) *v1.NpuDeploy {
	f.Helper()
	owner := f.NpuDeploy(name)
	owner.Spec.Model = "org/model"
	f.Create(owner)
	return owner
}

// restart replaces the Applier: the objects and the status remain.
func (f *fixture) restart() {
	f.recorded.Admission = apply.ReportsAdmission(f.result.Admission)
	f.applier = apply.New(f.options)
}

// apply applies manifests and returns what that changed.
func (f *fixture) apply(manifests ...string) (string, error) {
	f.Helper()
	set, err := apply.NewObjectSet(apply.DeployOwner(f.owner), f.parse(manifests...))
	if err != nil {
		return "", err
	}
	f.result, err = f.applier.Apply(f.Context(), set, f.recorded)
	f.recorded.Inventory = f.result.Inventory
	return f.result.Changes.String(), err
}

// wantApply applies manifests and wants this change and no error.
func (f *fixture) wantApply(want string, manifests ...string) {
	f.Helper()
	got, err := f.apply(manifests...)
	if err != nil {
		f.Fatal(err)
	}
	if got != want {
		f.Errorf("changed %q, want %q", got, want)
	}
}

// wantQuiet applies manifests without any effect, and without any request.
func (f *fixture) wantQuiet(manifests ...string) {
	f.Helper()
	before := f.requests.Load()
	f.wantApply("", manifests...)
	if asked := f.requests.Load() - before; asked != 0 {
		f.Errorf("%d requests, want none", asked)
	}
}

func (f *fixture) parse(manifests ...string) []*unstructured.Unstructured {
	f.Helper()
	var objects []*unstructured.Unstructured
	for _, manifest := range manifests {
		objects = append(objects, f.Parse(manifest)...)
	}
	return objects
}

// get returns the object named web in the API server, or nil.
func (f *fixture) get(kind schema.GroupVersionKind) *unstructured.Unstructured {
	f.Helper()
	return f.Find(kind, "web")
}

// wantField compares one field of an object.
func (f *fixture) wantField(kind schema.GroupVersionKind, want any, path ...string) {
	f.Helper()
	object := f.get(kind)
	if object == nil {
		f.Fatalf("no %s exists", kind.Kind)
	}
	got, _, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	if err != nil || got != want {
		f.Errorf("%s: %v is %v (%v), want %v", kind.Kind, path, got, err, want)
	}
}

// patch changes an object under another field manager, and waits for the informer's update.
func (f *fixture) patch(kind schema.GroupVersionKind, mergePatch, manager string) {
	f.Helper()
	object := f.get(kind)
	f.Must(f.Client.Patch(f.Context(), object, client.RawPatch(types.MergePatchType, []byte(mergePatch)), client.FieldOwner(manager)))
	f.awaitCache(object)
}

func (f *fixture) delete(kind schema.GroupVersionKind) {
	f.Helper()
	object := f.get(kind)
	f.Delete(object)
	f.Await("the deletion in the informer", func() bool { return f.cached(object) == nil })
}

// awaitCache waits until the informer has this version, or has dropped an object that
// lost its label.
func (f *fixture) awaitCache(object *unstructured.Unstructured) {
	f.Helper()
	_, labelled := object.GetLabels()[apply.LabelManagedBy]
	f.Await("the informer", func() bool {
		cached := f.cached(object)
		if !labelled {
			return cached == nil
		}
		return cached != nil && cached.GetResourceVersion() == object.GetResourceVersion()
	})
}

func (f *fixture) cached(object *unstructured.Unstructured) client.Object {
	f.Helper()
	cached := apply.NewCachedObject(object.GroupVersionKind())
	err := f.cache.Get(f.Context(), client.ObjectKeyFromObject(object), cached)
	if client.IgnoreNotFound(err) != nil {
		f.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return cached
}

// checkInstalled returns an error for a kind that is not installed.
func checkInstalled(h *harness.Harness, kind schema.GroupVersionKind) error {
	if _, err := h.Client.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version); err != nil {
		return apply.ErrNotInstalled
	}
	return nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// newCache returns informers as the controller has them, of one namespace.
func newCache(h *harness.Harness, namespace string) cache.Cache {
	h.Helper()
	shared := true
	made, err := cache.New(h.Config(), cache.Options{
		DefaultFieldSelector:         fields.OneTermEqualSelector("metadata.namespace", namespace),
		DefaultLabelSelector:         labels.SelectorFromSet(labels.Set{apply.LabelManagedBy: apply.ManagedBy}),
		DefaultUnsafeDisableDeepCopy: &shared,
		DefaultTransform: func(object any) (any, error) {
			apply.Summarize(object.(client.Object))
			return object, nil
		},
	})
	h.Must(err)
	for _, kind := range manifests.Kinds() {
		if checkInstalled(h, kind) == nil {
			h.Must(apply.IndexOwned(h.Context(), made, kind))
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- made.Start(ctx) }()
	h.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
			h.Error(err)
		}
	})
	if !made.WaitForCacheSync(ctx) {
		h.Fatal("the informers did not start")
	}
	return made
}
