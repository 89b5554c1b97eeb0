package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// projectReconciler brings one Project at a time, of each worker, in line: by the same
// steps as an NpuDeploy, without anything to observe.
type projectReconciler struct {
	projects *projects
	wanted   *wantedCache
	applier  *apply.Applier
	queue    *queue
	recorder eventRecorder
	metrics  *metrics
	clock    clock.PassiveClock
}

// Reconcile returns what that of an NpuDeploy does.
func (r *projectReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	project, err := r.projects.get(ctx, request.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if project == nil || project.DeletionTimestamp != nil {
		r.forget(r.projects.forget(request.NamespacedName))
		return reconcile.Result{}, nil
	}
	r.forget(r.projects.note(request.NamespacedName, project.UID))
	want := r.wanted.ofProject(project)
	done, applyErr := r.apply(ctx, project, want)
	changed, err := r.report(ctx, request.NamespacedName, want, done)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("patching the status: %w", err)
	}
	return conclude(want.err, applyErr, changed)
}

// apply does nothing for a spec that does not render: the people keep what they have.
func (r *projectReconciler) apply(ctx context.Context, project *v1.Project, want *wanted) (applied, error) {
	if want.set == nil {
		return applied{outcome: want.refused}, want.err
	}
	return applySet(ctx, r.applier, r.metrics, want.set, project.Status.Inventory,
		func(ctx context.Context, inventory []v1.InventoryEntry) error {
			return r.projects.record(ctx, project, inventory)
		})
}

// report patches the status if it changed, and tells of conditions that turned.
func (r *projectReconciler) report(ctx context.Context, name types.NamespacedName, want *wanted, done applied) (bool, error) {
	project, err := r.projects.get(ctx, name)
	if err != nil || project == nil {
		return false, err
	}
	observed := status.ObservedProject{
		Project: project,
		Stages:  status.Stages{Render: want.rendered, Apply: done.outcome, Inventory: done.inventory, Now: r.clock.Now()},
	}
	if done.inventory == nil {
		observed.Inventory = project.Status.Inventory
	}
	if want.rendered.Reason == v1.ReasonRendered {
		observed.Templates = want.templates
	}
	judged := status.EvaluateProject(observed)
	changed, err := r.projects.report(ctx, project, judged)
	if changed {
		tell(r.recorder, project, status.Transitions(project.Status.Conditions, judged.Conditions))
	}
	return changed, err
}

// forget drops what is known of a project that is gone.
func (r *projectReconciler) forget(uid types.UID) {
	if uid != "" {
		r.wanted.forget(uid)
		r.applier.Forget(uid)
	}
}
