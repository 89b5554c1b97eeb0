package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// ownerKind is what differs between the kinds of owners.
type ownerKind[T client.Object] interface {
	statusKind[T]

	// prepare runs before each reconcile.
	prepare(ctx context.Context) error
	render(ctx context.Context, object T) (*rendering, error)
	// claimHost claims the host of the rendered endpoint, if the kind has endpoints.
	claimHost(ctx context.Context, object T, rendered *rendering) (hostOwnership, error)
	// evaluate observes, and returns the object with its next status, as statusOnly does.
	evaluate(ctx context.Context, object T, rendered *rendering, host hostOwnership, outcomes status.Outcomes) (T, error)
	// delayAfterApply returns how long the evaluation of the status can wait after changes, and with which priority.
	delayAfterApply(object T, rendered *rendering, changes apply.ChangeSet) (after time.Duration, priority int)
	// statusDelay returns how long next can wait, the evaluated status of object, because a later one has more to report,
	// and with which priority.
	statusDelay(object, next T) (after time.Duration, priority int)
	// keepNewer copies the fields that others may have written since next was evaluated. isExclusive means that next
	// must replace current, and no later version.
	keepNewer(current, next T) (isExclusive bool)
	// onDeleting releases resources that an object that is being deleted no longer uses.
	onDeleting(ctx context.Context, object T) error
	// onDeleted drops the state of an object that does not exist any more.
	onDeleted(ctx context.Context, name types.NamespacedName) error
}

// reconciler reconciles the objects of one kind.
type reconciler[T client.Object] struct {
	kind     ownerKind[T]
	objects  *objects[T]
	renders  *renderCache
	applier  *apply.Applier
	queue    *queue
	recorder eventRecorder
	metrics  *metrics
	clock    clock.PassiveClock
	// specChanged is called for each new generation, before it is reconciled. nil: not needed.
	specChanged func(before, after T)
}

// Reconcile returns nil, an error to retry, or a TerminalError that only a change of the spec or of the
// templates can resolve.
func (r *reconciler[T]) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if err := r.kind.prepare(ctx); err != nil {
		return reconcile.Result{}, err
	}
	object, exists, err := r.objects.get(ctx, request.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !exists {
		return reconcile.Result{}, r.forget(ctx, request.NamespacedName)
	}
	if object.GetDeletionTimestamp() != nil {
		return reconcile.Result{}, r.reconcileDeleting(ctx, object)
	}
	r.forgetUID(r.objects.replaced(object))

	rendered, err := r.kind.render(ctx, object)
	if errors.Is(err, errUndecided) {
		return deferredStatus(settleFirst, priorityStatus), nil // Those that the rollouts assign are enqueued.
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("rendering: %w", err)
	}
	host, err := r.kind.claimHost(ctx, object, rendered)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("claiming the host: %w", err)
	}
	result, applyErr := r.apply(ctx, object, rendered, host)
	if applyErr == nil {
		if after, priority := r.kind.delayAfterApply(object, rendered, result.Changes); after > 0 {
			return deferredStatus(after, priority), nil
		}
	}
	return r.report(ctx, object, rendered, host, result, applyErr)
}

// report evaluates and patches the status.
func (r *reconciler[T]) report(
	ctx context.Context, object T, rendered *rendering, host hostOwnership, result apply.Result, applyErr error,
) (reconcile.Result, error) {
	next, err := r.kind.evaluate(ctx, object, rendered, host, r.outcomes(rendered, result, applyErr))
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("observing: %w", err)
	}
	if after, priority := r.kind.statusDelay(object, next); after > 0 && applyErr == nil {
		return deferredStatus(after, priority), nil
	}
	if rendered.objects != nil && !equality.Semantic.DeepEqual(r.kind.statusOnly(object), next) {
		*r.kind.inventory(next) = result.Inventory // It is no reason to write a status.
	}
	changed, err := r.patchStatus(ctx, client.ObjectKeyFromObject(object), next)
	if apierrors.IsConflict(err) {
		return deferredStatus(retryConflict, priorityStatus), nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("patching the status: %w", err)
	}
	return nextAttempt(rendered.err, applyErr, result.RecheckAfter, changed)
}

// reconcileDeleting applies nothing: the garbage collector deletes the owned objects.
func (r *reconciler[T]) reconcileDeleting(ctx context.Context, object T) error {
	if err := r.kind.onDeleting(ctx, object); err != nil {
		return err
	}
	next := r.kind.statusOnly(object)
	status.Terminating(r.kind.conditions(next), object, r.clock.Now())
	if _, err := r.patchStatus(ctx, client.ObjectKeyFromObject(object), next); err != nil {
		return fmt.Errorf("patching the status: %w", err)
	}
	return nil
}

// apply applies the objects, without the route if the host is not owned. If the spec does not render,
// it applies nothing, and the existing objects stay.
func (r *reconciler[T]) apply(ctx context.Context, object T, rendered *rendering, host hostOwnership) (apply.Result, error) {
	if rendered.objects == nil {
		return apply.Result{}, rendered.err
	}
	objects := rendered.objects
	if !host.isOurs() {
		objects = objects.Without(isRoute)
	}
	result, err := r.applier.Apply(ctx, objects, r.recorded(object))
	r.metrics.countApply(result.Changes, err)
	if changes := result.Changes.String(); changes != "" {
		logr.FromContextOrDiscard(ctx).Info("Applied", "changes", changes)
	}
	return result, err
}

// recorded returns what the status records about the objects.
func (r *reconciler[T]) recorded(object T) apply.Recorded {
	recorded := apply.Recorded{Inventory: *r.kind.inventory(object)}
	if applied := meta.FindStatusCondition(*r.kind.conditions(object), v1.ConditionApplied); applied != nil {
		recorded.Admission = apply.ReportsAdmission(applied.Message)
	}
	return recorded
}

// deferredStatus reconciles again after the first applies of all objects: if many are created at once, all
// pods start before any status is reported. An event may cause an earlier reconcile.
func deferredStatus(after time.Duration, priority int) reconcile.Result {
	return reconcile.Result{RequeueAfter: after, Priority: &priority}
}

func (r *reconciler[T]) outcomes(rendered *rendering, result apply.Result, applyErr error) status.Outcomes {
	outcomes := status.Outcomes{
		Render: rendered.outcome, Apply: rendered.rejected, Now: r.clock.Now(),
		OwnsNamespace: slices.ContainsFunc(result.Changes, func(change apply.Change) bool { return change.Ref.Kind == "Namespace" }),
	}
	if rendered.objects != nil {
		outcomes.Apply.Reason, outcomes.Apply.Message = apply.Explain(applyErr)
		if applyErr == nil {
			notes := slices.DeleteFunc([]string{result.Admission, result.Additions}, func(note string) bool { return note == "" })
			outcomes.Apply.Message = strings.Join(notes, "; ")
		}
	}
	if rendered.outcome.Reason == v1.ReasonRendered {
		outcomes.Templates = rendered.input.templates
	}
	return outcomes
}

// patchStatus patches the status if it changed, and emits events of transitions.
func (r *reconciler[T]) patchStatus(ctx context.Context, name types.NamespacedName, next T) (bool, error) {
	object, exists, err := r.objects.get(ctx, name)
	if err != nil || !exists {
		return false, err
	}
	before, options := r.kind.statusOnly(object), []client.MergeFromOption{}
	if r.kind.keepNewer(object, next) {
		before.SetResourceVersion(object.GetResourceVersion())
		next.SetResourceVersion(object.GetResourceVersion())
		options = append(options, client.MergeFromWithOptimisticLock{})
	}
	changed, err := r.objects.patch(ctx, before, next, options...)
	if err != nil || !changed {
		return false, err
	}
	recordTransitions(r.recorder, object, status.Transitions(*r.kind.conditions(object), *r.kind.conditions(next)))
	return true, nil
}

// nextAttempt decides when to reconcile again: after recheck if there is no error. An error that
// only a change can correct is returned once: such changes are events.
func nextAttempt(renderErr, applyErr error, recheck time.Duration, changed bool) (reconcile.Result, error) {
	if renderErr != nil {
		return terminal(renderErr, changed)
	}
	after, isTerminal := apply.Retry(applyErr)
	switch {
	case applyErr == nil:
		return reconcile.Result{RequeueAfter: recheck}, nil
	case after > 0:
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

// forget drops the state of an object that does not exist any more.
func (r *reconciler[T]) forget(ctx context.Context, name types.NamespacedName) error {
	r.forgetUID(r.objects.forget(name))
	return r.kind.onDeleted(ctx, name)
}

func (r *reconciler[T]) forgetUID(uid types.UID) {
	if uid != "" {
		r.renders.forget(uid)
		r.applier.Forget(uid)
	}
}
