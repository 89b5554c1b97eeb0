package controller

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch

// installedKinds tracks which kinds of applied objects the API server serves, and watches
// those that are installed later. It reconciles CustomResourceDefinitions.
type installedKinds struct {
	mapper    meta.RESTMapper
	informers cache.Cache
	watch     func(source.Source) error
	installed func() // called after a kind was installed

	mu      sync.Mutex
	served  map[schema.GroupVersionKind]bool
	uids    map[schema.GroupVersionKind]types.UID // of the CustomResourceDefinitions
	watched map[schema.GroupVersionKind]bool
}

// newInstalledKinds requires watch to be set before discover.
func newInstalledKinds(mgr manager.Manager, installed func()) *installedKinds {
	return &installedKinds{
		mapper: mgr.GetRESTMapper(), informers: mgr.GetCache(), installed: installed,
		served: map[schema.GroupVersionKind]bool{}, watched: map[schema.GroupVersionKind]bool{},
		uids: map[schema.GroupVersionKind]types.UID{},
	}
}

// isServed reports whether a kind is installed, without a request.
func (k *installedKinds) isServed(kind schema.GroupVersionKind) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.served[kind]
}

// discover watches the kinds that are installed at the start.
func (k *installedKinds) discover(ctx context.Context) error {
	for _, kind := range manifests.Kinds() {
		isServed, err := k.discoverKind(kind)
		if err != nil {
			return fmt.Errorf("discovering %s: %w", kind.Kind, err)
		}
		if !isServed {
			continue
		}
		if err := k.start(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

func (k *installedKinds) discoverKind(kind schema.GroupVersionKind) (bool, error) {
	_, err := k.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// start watches the kind, once, and marks it as served.
func (k *installedKinds) start(ctx context.Context, kind schema.GroupVersionKind) error {
	k.mu.Lock()
	isWatched := k.watched[kind]
	k.watched[kind] = true
	k.mu.Unlock()
	if !isWatched {
		if err := apply.IndexOwned(ctx, k.informers, kind); err != nil {
			return err
		}
		objects := source.Kind[client.Object](k.informers, apply.NewChild(kind), settled(byOwner(v1.Kind), apply.Drifted))
		if err := k.watch(objects); err != nil {
			return fmt.Errorf("watching %s: %w", kind.Kind, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.served[kind] = true
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
	if !k.isInstallation(kind, crd.GetUID(), err == nil) {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, k.install(ctx, kind)
}

// isInstallation reports whether a definition is new: the kind was not served, or the
// definition replaced another one, with which all objects were deleted.
func (k *installedKinds) isInstallation(kind schema.GroupVersionKind, uid types.UID, exists bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	former := k.uids[kind]
	k.uids[kind] = uid
	if !exists || former != "" && former != uid {
		k.served[kind] = false
	}
	return exists && !k.served[kind]
}

// install waits for the informer: until it has listed all objects, they seem to be missing.
func (k *installedKinds) install(ctx context.Context, kind schema.GroupVersionKind) error {
	isServed, err := k.discoverKind(kind)
	if err != nil {
		return err
	}
	if !isServed {
		return fmt.Errorf("%s of %s is defined but not served yet", kind.Kind, kind.GroupVersion())
	}
	if _, err := k.informers.GetInformer(ctx, apply.NewChild(kind)); err != nil {
		return fmt.Errorf("starting the informer of %s: %w", kind.Kind, err)
	}
	if err := k.start(ctx, kind); err != nil {
		return err
	}
	logr.FromContextOrDiscard(ctx).Info("Kind installed", "kind", kind.Kind)
	k.installed()
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
