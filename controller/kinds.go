package controller

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/controller/apply"
)

// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch

// kinds knows which kinds of children are installed, and begins to watch those that
// are installed later. It reconciles CustomResourceDefinitions.
type kinds struct {
	mapper    meta.RESTMapper
	informers cache.Cache
	watch     func(source.Source) error
	appeared  func() // a kind is there that somebody may wait for

	mu      sync.Mutex
	served  map[schema.GroupVersionKind]bool
	watched map[schema.GroupVersionKind]bool
}

// served says whether a kind is installed, without asking.
func (k *kinds) isServed(kind schema.GroupVersionKind) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.served[kind]
}

// discover begins with what is installed now.
func (k *kinds) discover() error {
	for _, kind := range apply.Kinds() {
		isServed, err := k.ask(kind)
		if err != nil {
			return fmt.Errorf("discovering %s: %w", kind.Kind, err)
		}
		if !isServed {
			continue
		}
		if err := k.begin(kind); err != nil {
			return err
		}
	}
	return nil
}

func (k *kinds) ask(kind schema.GroupVersionKind) (bool, error) {
	_, err := k.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// begin watches the kind, once, and notes that it is served.
func (k *kinds) begin(kind schema.GroupVersionKind) error {
	k.mu.Lock()
	known := k.watched[kind]
	k.watched[kind] = true
	k.mu.Unlock()
	if !known {
		if err := k.watch(watchChildren(k.informers, kind)); err != nil {
			return fmt.Errorf("watching %s: %w", kind.Kind, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.served[kind] = true
	return nil
}

// Reconcile looks at one CustomResourceDefinition. An error is tried again: a kind is
// served a moment after it is defined.
func (k *kinds) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	kind, found := k.definedBy(request.Name)
	if !found {
		return reconcile.Result{}, nil
	}
	err := k.informers.Get(ctx, client.ObjectKey{Name: request.Name}, newCRD())
	switch isServed := k.isServed(kind); {
	case client.IgnoreNotFound(err) != nil:
		return reconcile.Result{}, err
	case err != nil:
		k.mu.Lock()
		defer k.mu.Unlock()
		k.served[kind] = false
		return reconcile.Result{}, nil
	case isServed:
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, k.start(ctx, kind)
}

// start waits for the informer: until it has listed what exists, everything would seem
// to be missing.
func (k *kinds) start(ctx context.Context, kind schema.GroupVersionKind) error {
	isServed, err := k.ask(kind)
	if err != nil {
		return err
	}
	if !isServed {
		return fmt.Errorf("%s of %s is defined and not served yet", kind.Kind, kind.GroupVersion())
	}
	if _, err := k.informers.GetInformer(ctx, apply.NewChild(kind)); err != nil {
		return fmt.Errorf("starting the informer of %s: %w", kind.Kind, err)
	}
	if err := k.begin(kind); err != nil {
		return err
	}
	logr.FromContextOrDiscard(ctx).Info("Found a new kind", "kind", kind.Kind)
	k.appeared()
	return nil
}

// definedBy maps the name of a definition (virtualservices.networking.istio.io) to
// the kind that we know of that group.
func (k *kinds) definedBy(name string) (schema.GroupVersionKind, bool) {
	plural, group, _ := strings.Cut(name, ".")
	for _, kind := range apply.Kinds() {
		if kind.Group == group && strings.ToLower(kind.Kind)+"s" == plural {
			return kind, true
		}
	}
	return schema.GroupVersionKind{}, false
}

// controlKinds adds the controller of definitions.
func controlKinds(add adder, k *kinds) error {
	made, err := add("kinds", controller.Options{Reconciler: k})
	if err != nil {
		return err
	}
	return made.Watch(source.Kind[client.Object](k.informers, newCRD(), &handler.EnqueueRequestForObject{}))
}
