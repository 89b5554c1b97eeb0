package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// reconciler brings one NpuDeploy at a time, of each worker, in line.
type reconciler struct {
	deploys  *deploys
	projects *projects
	wanted   *wantedCache
	claims   *claims
	applier  *apply.Applier
	cache    client.Reader
	queue    *queue
	recorder eventRecorder
	metrics  *metrics
	clock    clock.PassiveClock
}

// Reconcile returns nil, an error to try again, or a TerminalError if only another
// spec, or other templates, can help.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if err := r.claims.fill(ctx, r.claimAll); err != nil {
		return reconcile.Result{}, err
	}
	deploy, err := r.deploys.get(ctx, request.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if deploy == nil || deploy.DeletionTimestamp != nil {
		r.forget(request.NamespacedName)
		return reconcile.Result{}, nil
	}
	r.forgetFormer(deploy)
	facts, err := r.projects.factsFor(ctx, deploy.Namespace)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reading the project: %w", err)
	}
	want := r.wanted.of(deploy, facts)
	host, err := r.claim(ctx, deploy, want)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("claiming the host: %w", err)
	}
	applied, applyErr := r.apply(ctx, deploy, want, host)
	if applyErr == nil && applied.isNew {
		return afterOthers(), nil
	}
	observed, err := r.observe(ctx, deploy, want, applied, host)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("observing: %w", err)
	}
	changed, err := r.report(ctx, request, status.Evaluate(observed))
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("patching the status: %w", err)
	}
	return conclude(want.err, applyErr, changed)
}

// applied is what came of the step apply.
type applied struct {
	outcome   status.Outcome
	inventory []v1.InventoryEntry
	isNew     bool // something was created
}

// afterOthers has the status of what was just created reported once its first events have
// settled, and behind every first write: of a fleet, all servers start before any is
// described.
func afterOthers() reconcile.Result {
	urgency := urgencyStatus
	return reconcile.Result{RequeueAfter: settleStatus, Priority: &urgency}
}

// apply does nothing for a spec that does not render: what runs goes on. The route of
// a host that belongs to another is left out.
func (r *reconciler) apply(ctx context.Context, deploy *v1.NpuDeploy, want *wanted, host holding) (applied, error) {
	if want.set == nil {
		return applied{outcome: want.refused}, want.err
	}
	set := want.set
	if !host.isOurs() {
		set = set.Without(isRoute)
	}
	return applySet(ctx, r.applier, r.metrics, set, deploy.Status.Inventory,
		func(ctx context.Context, inventory []v1.InventoryEntry) error {
			return r.deploys.record(ctx, deploy, inventory)
		})
}

// applySet applies, and tells what that did.
func applySet(
	ctx context.Context, applier *apply.Applier, metrics *metrics,
	set *apply.Set, recorded []v1.InventoryEntry, record apply.Record,
) (applied, error) {
	result, err := applier.Apply(ctx, set, recorded, record)
	metrics.countApply(result.Changes, err)
	if words := result.Changes.String(); words != "" {
		logr.FromContextOrDiscard(ctx).Info("Applied", "changes", words)
	}
	reason, message := apply.Explain(err)
	return applied{
		outcome:   status.Outcome{Reason: reason, Message: message},
		inventory: result.Inventory,
		isNew: slices.ContainsFunc(result.Changes, func(change apply.Change) bool {
			return change.Action == apply.Created
		}),
	}, err
}

// report patches the status if it changed, and tells of conditions that turned.
func (r *reconciler) report(ctx context.Context, request reconcile.Request, judged v1.NpuDeployStatus) (bool, error) {
	deploy, err := r.deploys.get(ctx, request.NamespacedName)
	if err != nil || deploy == nil {
		return false, err
	}
	before := deploy.Status
	changed, err := r.deploys.report(ctx, deploy, judged)
	if err != nil || !changed {
		return false, err
	}
	tell(r.recorder, deploy, status.Transitions(before.Conditions, judged.Conditions))
	return true, nil
}

// conclude decides about another attempt. A fault that only a change can mend is told
// once: such changes are events of their own.
func conclude(renderErr, applyErr error, changed bool) (reconcile.Result, error) {
	if renderErr != nil {
		return terminal(renderErr, changed)
	}
	after, isTerminal := apply.Retry(applyErr)
	switch {
	case applyErr == nil, after > 0:
		return reconcile.Result{RequeueAfter: after}, nil
	case isTerminal:
		return terminal(applyErr, changed)
	}
	return reconcile.Result{}, applyErr
}

func terminal(err error, changed bool) (reconcile.Result, error) {
	if !changed {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, reconcile.TerminalError(err)
}
