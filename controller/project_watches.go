package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func newProjectReconciler(mgr manager.Manager, metrics *metrics) *projectReconciler {
	return &projectReconciler{
		projects: newProjects(mgr.GetCache(), mgr.GetClient().Status()),
		queue:    &queue{},
		recorder: mgr.GetEventRecorder(v1.FieldManager),
		metrics:  metrics,
		clock:    clock.RealClock{},
	}
}

// control adds the controller of Projects.
func (r *projectReconciler) control(mgr manager.Manager, workers int) error {
	direct, err := newDirect(mgr)
	if err != nil {
		return err
	}
	ours, err := adderTo(mgr)("project", controller.Options{Reconciler: r, MaxConcurrentReconciles: workers})
	if err != nil {
		return err
	}
	r.applier = apply.New(apply.Options{
		Cache: mgr.GetCache(), Client: direct, Clock: r.clock,
		Served: func(schema.GroupVersionKind) bool { return true }, // All kinds are Kubernetes' own.
	})
	for _, one := range r.sources(mgr.GetCache()) {
		if err := ours.Watch(one); err != nil {
			return err
		}
	}
	return nil
}

// sources are what the controller of projects watches. The kinds of their children are
// Kubernetes' own.
func (r *projectReconciler) sources(informers cache.Cache) []source.Source {
	kinds := apply.ProjectKinds()
	all := make([]source.Source, 0, len(kinds)+2)
	all = append(all, r.queue,
		source.Kind[client.Object](informers, &v1.Project{}, &handler.EnqueueRequestForObject{}, specChanged()))
	for _, kind := range kinds {
		all = append(all, source.Kind[client.Object](informers, apply.NewChild(kind), settled(byProject, apply.Drifted)))
	}
	return all
}

func byProject(_ context.Context, object client.Object) []types.NamespacedName {
	if name := ownerOf(object, v1.KindProject); name != "" {
		return []types.NamespacedName{{Name: name}}
	}
	return nil
}
