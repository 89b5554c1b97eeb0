package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch

// installTimeout bounds the first list of an installed kind, because its definition may be deleted during the list.
const installTimeout = 30 * time.Second

// installedKinds tracks which kinds of applied objects the API server serves, and watches
// these. It reconciles CustomResourceDefinitions.
type installedKinds struct {
	discovery discovery.ServerResourcesInterface
	direct    client.Reader
	informers cache.Cache
	watch     func(source.Source) error
	// workloadChanged handles workloads that are the backends of routes.
	workloadChanged handler.EventHandler
	changed         func() // called after a kind was installed or removed
	settle          settleFunc

	mu        sync.Mutex
	isWatched map[schema.GroupVersionKind]bool
	unlisted  map[schema.GroupVersionKind]error     // why an installed kind is not watched
	uids      map[schema.GroupVersionKind]types.UID // of the CustomResourceDefinitions
}

// newInstalledKinds requires watch to be set before discover.
func newInstalledKinds(mgr manager.Manager, changed func(), settle settleFunc) (*installedKinds, error) {
	// The manager's RESTMapper keeps the kinds that were removed.
	resources, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	return &installedKinds{
		discovery: resources, direct: mgr.GetAPIReader(), informers: mgr.GetCache(), changed: changed, settle: settle,
		isWatched: map[schema.GroupVersionKind]bool{}, unlisted: map[schema.GroupVersionKind]error{},
		uids: map[schema.GroupVersionKind]types.UID{},
	}, nil
}

// check returns an error for a kind that is not watched, without a request.
func (k *installedKinds) check(kind schema.GroupVersionKind) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.isWatched[kind] {
		return cmp.Or(k.unlisted[kind], apply.ErrNotInstalled)
	}
	return nil
}

// set records whether a kind is watched, and why an installed one is not. It reports whether that
// changed.
func (k *installedKinds) set(kind schema.GroupVersionKind, isWatched bool, unlisted error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, reason := k.isWatched[kind], k.unlisted[kind]
	k.isWatched[kind], k.unlisted[kind] = isWatched, unlisted
	return before != isWatched || fmt.Sprint(reason) != fmt.Sprint(unlisted)
}

// discover watches the kinds that are installed at the start. A kind that cannot be listed is left to Reconcile, if it
// has a definition, because it would prevent the controller from starting.
func (k *installedKinds) discover(ctx context.Context) error {
	for _, kind := range manifests.Kinds() {
		isServed, err := k.discoverKind(kind)
		if err != nil {
			return fmt.Errorf("discovering %s: %w", kind.Kind, err)
		}
		if !isServed {
			continue
		}
		if isCustom(kind) {
			if err := k.list(ctx, kind); err != nil {
				k.set(kind, false, err)
				continue
			}
		}
		if err := k.start(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

func (k *installedKinds) discoverKind(kind schema.GroupVersionKind) (bool, error) {
	resources, err := k.discovery.ServerResourcesForGroupVersion(kind.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(resources.APIResources, func(resource metav1.APIResource) bool {
		return resource.Kind == kind.Kind
	}), nil
}

// isCustom reports whether a CustomResourceDefinition defines the kind.
func isCustom(kind schema.GroupVersionKind) bool {
	builtIn := []string{"", "apps", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io"}
	return !slices.Contains(builtIn, kind.Group)
}

// list returns the error of listing objects of a kind, such as a missing right or a conversion
// webhook that does not respond.
func (k *installedKinds) list(ctx context.Context, kind schema.GroupVersionKind) error {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	if err := k.direct.List(ctx, apply.NewCachedList(kind), client.Limit(1)); err != nil {
		return fmt.Errorf("listing objects of kind %s: %w", kind.Kind, err)
	}
	return nil
}

// start watches the kind.
func (k *installedKinds) start(ctx context.Context, kind schema.GroupVersionKind) error {
	if err := apply.IndexOwned(ctx, k.informers, kind); err != nil {
		return err
	}
	objects := source.Kind[client.Object](k.informers, apply.NewCachedObject(kind), settled(byOwner(v1.Kind), apply.Drifted, k.settle))
	if err := k.watch(objects); err != nil {
		return fmt.Errorf("watching %s: %w", kind.Kind, err)
	}
	if manifests.IsWorkload(kind) {
		if err := k.watch(source.Kind[client.Object](k.informers, apply.NewCachedObject(kind), k.workloadChanged)); err != nil {
			return fmt.Errorf("watching %s for routes: %w", kind.Kind, err)
		}
	}
	k.set(kind, true, nil)
	return nil
}

// Reconcile handles one CustomResourceDefinition. An error is retried: a kind is served a
// moment after it is defined.
func (k *installedKinds) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	kind, ok := kindOfCRD(request.Name)
	if !ok {
		return reconcile.Result{}, nil
	}
	crd := newCRD()
	err := k.informers.Get(ctx, client.ObjectKey{Name: request.Name}, crd)
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, err
	}
	isDefined := err == nil
	if !isDefined || k.isReplaced(kind, crd.GetUID()) {
		if err := k.remove(ctx, kind); err != nil {
			return reconcile.Result{}, err
		}
	}
	if !isDefined {
		return reconcile.Result{}, nil
	}
	isServed, err := k.isServed(ctx, request.Name, kind)
	switch {
	case err != nil || isServed && k.check(kind) == nil:
		return reconcile.Result{}, err
	case isServed:
		return reconcile.Result{}, k.install(ctx, kind)
	}
	err = fmt.Errorf("%s of %s is defined but not served yet", kind.Kind, kind.GroupVersion())
	return reconcile.Result{}, errors.Join(k.remove(ctx, kind), err)
}

// isServed reports whether a definition serves a kind, and discovery has it too. Either may lag behind the other, and
// no event follows when discovery changes.
func (k *installedKinds) isServed(ctx context.Context, name string, kind schema.GroupVersionKind) (bool, error) {
	definition := &unstructured.Unstructured{}
	definition.SetGroupVersionKind(newCRD().GroupVersionKind())
	if err := k.direct.Get(ctx, client.ObjectKey{Name: name}, definition); err != nil {
		return false, client.IgnoreNotFound(err) // The event of its deletion follows.
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", name, err)
	}
	isDefined := slices.ContainsFunc(versions, func(version any) bool {
		fields, _ := version.(map[string]any)
		return fields["name"] == kind.Version && fields["served"] == true
	})
	if !isDefined {
		return false, nil
	}
	return k.discoverKind(kind)
}

// isReplaced reports whether a definition replaced another one, with which all objects were
// deleted.
func (k *installedKinds) isReplaced(kind schema.GroupVersionKind, uid types.UID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	former := k.uids[kind]
	k.uids[kind] = uid
	return former != "" && former != uid
}

// remove ends the watch of a kind. The informer would otherwise retry with a growing delay, and
// have the objects of the former kind until then.
func (k *installedKinds) remove(ctx context.Context, kind schema.GroupVersionKind) error {
	isWatched := k.check(kind) == nil
	if !k.set(kind, false, nil) {
		return nil
	}
	defer k.changed()
	if !isWatched {
		return nil
	}
	if err := k.informers.RemoveInformer(ctx, apply.NewCachedObject(kind)); err != nil {
		return fmt.Errorf("stopping the informer of %s: %w", kind.Kind, err)
	}
	logr.FromContextOrDiscard(ctx).Info("Kind removed", "kind", kind.Kind)
	return nil
}

// install waits for the informer: until it has listed all objects, they seem to be missing.
func (k *installedKinds) install(ctx context.Context, kind schema.GroupVersionKind) error {
	if err := k.list(ctx, kind); err != nil {
		if k.set(kind, false, err) {
			k.changed()
		}
		return err
	}
	listing, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	if _, err := k.informers.GetInformer(listing, apply.NewCachedObject(kind)); err != nil {
		err = fmt.Errorf("starting the informer of %s: %w", kind.Kind, err)
		return errors.Join(err, k.informers.RemoveInformer(ctx, apply.NewCachedObject(kind)))
	}
	if err := k.start(ctx, kind); err != nil {
		return err
	}
	logr.FromContextOrDiscard(ctx).Info("Kind installed", "kind", kind.Kind)
	k.changed()
	return nil
}

// kindOfCRD maps the name of a definition (virtualservices.networking.istio.io) to the kind
// that we apply, if there is one.
func kindOfCRD(name string) (schema.GroupVersionKind, bool) {
	plural, group, _ := strings.Cut(name, ".")
	for _, kind := range manifests.Kinds() {
		if kind.Group == group && strings.ToLower(kind.Kind)+"s" == plural {
			return kind, true
		}
	}
	return schema.GroupVersionKind{}, false
}
