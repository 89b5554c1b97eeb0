package apply_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New(env.Routes())

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

// patience is how long a test waits for an informer.
const patience = 30 * time.Second

// stage is one owner in a namespace of its own, and an Applier that works for it.
type stage struct {
	*testing.T
	client   client.Client // of another user
	cache    cache.Cache
	owner    *v1.NpuDeploy
	applier  *apply.Applier
	clock    *testclock.FakeClock
	requests *atomic.Int64 // of the Applier
	recorded []v1.InventoryEntry
	records  int

	options apply.Options
}

func newStage(t *testing.T) *stage {
	t.Helper()
	t.Parallel()
	config := rest.CopyConfig(control.Config(t))
	s := &stage{T: t, clock: testclock.NewFakeClock(time.Now()), requests: &atomic.Int64{}}
	s.client = newClient(t, config)
	s.owner = s.newOwner(control.Namespace(t), "web")
	s.cache = newCache(t, config, s.owner.Namespace)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			s.requests.Add(1)
			return next.RoundTrip(request)
		})
	})
	s.options = apply.Options{
		Cache: s.cache, Client: newClient(t, config), Clock: s.clock,
		Served: func(schema.GroupVersionKind) bool { return true },
	}
	s.applier = apply.New(s.options)
	return s
}

// newOwner creates an NpuDeploy: it is not rendered.
func (s *stage) newOwner(namespace, name string) *v1.NpuDeploy {
	s.Helper()
	owner := &v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1.NpuDeploySpec{Model: "org/model"},
	}
	if err := s.client.Create(s.Context(), owner); err != nil {
		s.Fatal(err)
	}
	return owner
}

// restart replaces the Applier: only the inventory remains.
func (s *stage) restart() { s.applier = apply.New(s.options) }

// apply applies manifests and returns what that changed.
func (s *stage) apply(manifests ...string) (string, error) {
	s.Helper()
	set, err := apply.NewSet(apply.DeployOwner(s.owner), s.parse(manifests...))
	if err != nil {
		return "", err
	}
	result, err := s.applier.Apply(s.Context(), set, s.recorded, func(_ context.Context, list []v1.InventoryEntry) error {
		s.records++
		s.recorded = append([]v1.InventoryEntry{}, list...)
		return nil
	})
	s.recorded = append([]v1.InventoryEntry{}, result.Inventory...)
	return result.Changes.String(), err
}

// wantApply applies manifests and wants this change and no error.
func (s *stage) wantApply(want string, manifests ...string) {
	s.Helper()
	got, err := s.apply(manifests...)
	if err != nil {
		s.Fatal(err)
	}
	if got != want {
		s.Errorf("changed %q, want %q", got, want)
	}
}

// wantQuiet applies manifests without any effect, and without any request.
func (s *stage) wantQuiet(manifests ...string) {
	s.Helper()
	before := s.requests.Load()
	s.wantApply("", manifests...)
	if asked := s.requests.Load() - before; asked != 0 {
		s.Errorf("%d requests, want none", asked)
	}
}

func (s *stage) parse(manifests ...string) []*unstructured.Unstructured {
	s.Helper()
	var objects []*unstructured.Unstructured
	for _, manifest := range manifests {
		object := &unstructured.Unstructured{}
		content := strings.ReplaceAll(manifest, "NAMESPACE", s.owner.Namespace)
		if err := yaml.Unmarshal([]byte(content), &object.Object); err != nil {
			s.Fatal(err)
		}
		// As render does it: whole numbers are int64.
		bytes, err := object.MarshalJSON()
		if err != nil {
			s.Fatal(err)
		}
		if err := object.UnmarshalJSON(bytes); err != nil {
			s.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

// get returns the object named web as the API server has it, or nil.
func (s *stage) get(kind schema.GroupVersionKind) *unstructured.Unstructured {
	s.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	err := s.client.Get(s.Context(), types.NamespacedName{Namespace: s.owner.Namespace, Name: "web"}, object)
	if client.IgnoreNotFound(err) != nil {
		s.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return object
}

// wantField compares one field of an object.
func (s *stage) wantField(kind schema.GroupVersionKind, want any, path ...string) {
	s.Helper()
	object := s.get(kind)
	if object == nil {
		s.Fatalf("no %s exists", kind.Kind)
	}
	got, _, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	if err != nil || got != want {
		s.Errorf("%s: %v is %v (%v), want %v", kind.Kind, path, got, err, want)
	}
}

// patch changes an object as another user would, and waits until the informer knows.
func (s *stage) patch(kind schema.GroupVersionKind, mergePatch, manager string) {
	s.Helper()
	object := s.get(kind)
	err := s.client.Patch(s.Context(), object, client.RawPatch(types.MergePatchType, []byte(mergePatch)), client.FieldOwner(manager))
	if err != nil {
		s.Fatal(err)
	}
	s.awaitCache(object)
}

func (s *stage) delete(kind schema.GroupVersionKind) {
	s.Helper()
	object := s.get(kind)
	if err := s.client.Delete(s.Context(), object); err != nil {
		s.Fatal(err)
	}
	s.await("the deletion in the informer", func() bool { return s.cached(object) == nil })
}

// awaitCache waits until the informer has this version, or has dropped an object that
// lost its label.
func (s *stage) awaitCache(object *unstructured.Unstructured) {
	s.Helper()
	_, labelled := object.GetLabels()[apply.LabelManagedBy]
	s.await("the informer", func() bool {
		cached := s.cached(object)
		if !labelled {
			return cached == nil
		}
		return cached != nil && cached.GetResourceVersion() == object.GetResourceVersion()
	})
}

func (s *stage) cached(object *unstructured.Unstructured) client.Object {
	s.Helper()
	cached := apply.NewChild(object.GroupVersionKind())
	err := s.cache.Get(s.Context(), client.ObjectKeyFromObject(object), cached)
	if client.IgnoreNotFound(err) != nil {
		s.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return cached
}

func (s *stage) await(what string, is func() bool) {
	s.Helper()
	err := wait.PollUntilContextTimeout(s.Context(), 5*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return is(), nil })
	if err != nil {
		s.Fatalf("waiting for %s: %v", what, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	known := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(known), v1.AddToScheme(known)); err != nil {
		t.Fatal(err)
	}
	made, err := client.New(config, client.Options{Scheme: known})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// newCache is the informers as the controller has them.
func newCache(t *testing.T, config *rest.Config, namespace string) cache.Cache {
	t.Helper()
	shared := true
	made, err := cache.New(config, cache.Options{
		DefaultNamespaces:            map[string]cache.Config{namespace: {}},
		DefaultLabelSelector:         labels.SelectorFromSet(labels.Set{apply.LabelManagedBy: apply.ManagedBy}),
		DefaultUnsafeDisableDeepCopy: &shared,
		DefaultTransform: func(object any) (any, error) {
			apply.Summarize(object.(client.Object))
			return object, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- made.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return made
}
