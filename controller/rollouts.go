package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=dudaji.com,resources=templaterollouts,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=dudaji.com,resources=templaterollouts/status,verbs=patch

const (
	// maxRollouts is how many TemplateRollouts are kept.
	maxRollouts = 20
	// settleRollouts is how long events are collected at least. In large fleets it is settleFactor times as long
	// as an evaluation takes, which bounds the CPU, up to settleMost.
	settleRollouts = 200 * time.Millisecond
	settleMost     = time.Second
	settleFactor   = 10
	// settleProgress is the least time between statuses of a rollout that differ in counts alone.
	settleProgress = time.Second
	// assignWorkers is how many NpuDeploys are patched at a time.
	assignWorkers = 8
	// retryConflict is when a write is repeated that another one preceded.
	retryConflict = 100 * time.Millisecond
)

// rollouts creates a TemplateRollout for each set that changes manifests, and assigns the set to
// NpuDeploys in waves. It reconciles all TemplateRollouts at once, by one worker.
type rollouts struct {
	client   client.Client // without the cache
	cache    cache.Cache
	deploys  *deployKind
	objects  *objects[*v1.NpuDeploy]
	queue    *queue
	recorder eventRecorder
	clock    clock.PassiveClock
	began    servingBegan
	took     atomic.Int64 // nanoseconds of the last evaluation

	written *lastWritten[*v1.TemplateRollout]
	wrote   time.Time // of the last one
	// swapped means that other templates serve since the last decision, which enqueueDeploys follows.
	swapped        atomic.Bool
	enqueueDeploys func()
}

// servingBegan is when a set began to serve in this process. A rollout with a higher revision is one of a set
// that began to serve later: this process created it, or another controller that runs by mistake.
type servingBegan struct {
	digest   string
	revision int64 // the highest one then
}

// add adds the controller of TemplateRollouts.
func (r *rollouts) add(mgr manager.Manager) error {
	c, err := addController(mgr, "templaterollout", controller.Options{Reconciler: r})
	if err != nil {
		return err
	}
	isRelease := predicate.Funcs{ // of devices
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return status.HasEnded(e.ObjectNew.(*corev1.Pod)) && !status.HasEnded(e.ObjectOld.(*corev1.Pod))
		},
	}
	informers, wake := mgr.GetCache(), handler.Funcs{
		CreateFunc: func(_ context.Context, _ event.CreateEvent, queue workQueue) { r.enqueue(queue) },
		UpdateFunc: func(_ context.Context, _ event.UpdateEvent, queue workQueue) { r.enqueue(queue) },
		DeleteFunc: func(_ context.Context, _ event.DeleteEvent, queue workQueue) { r.enqueue(queue) },
	}
	isMember := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1.NpuDeploy), e.ObjectNew.(*v1.NpuDeploy)
		return before.Generation != after.Generation || before.UID != after.UID || !equality.Semantic.DeepEqual(memberOf(before), memberOf(after))
	}}
	return errors.Join(
		c.Watch(source.Kind[client.Object](informers, &v1.TemplateRollout{}, wake)),
		c.Watch(source.Kind[client.Object](informers, &v1.NpuDeploy{}, wake, isMember)),
		c.Watch(source.Kind[client.Object](informers, &corev1.Node{}, wake, nodeChanged())),
		c.Watch(source.Kind[client.Object](informers, &corev1.Pod{}, wake, isRelease)),
		c.Watch(r.queue))
}

// requestRollouts is the only request.
func requestRollouts() types.NamespacedName { return types.NamespacedName{Name: "templaterollouts"} }

// enqueue collects the events of many NpuDeploys.
func (r *rollouts) enqueue(queue workQueue) {
	settle := min(max(settleRollouts, settleFactor*time.Duration(r.took.Load())), settleMost)
	enqueue(queue, priorityqueue.AddOpts{After: settle}, requestRollouts())
}

// memberOf returns the fields of an NpuDeploy that a rollout depends on, beside the spec.
func memberOf(deploy *v1.NpuDeploy) v1.NpuDeploy {
	member := v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{
		Labels: deploy.Labels, DeletionTimestamp: deploy.DeletionTimestamp,
		Annotations: map[string]string{v1.AnnotationUpdateTo: rollout.RequestOf(deploy)},
	}}
	member.Status.Templates, member.Status.Rollout = deploy.Status.Templates, deploy.Status.Rollout
	member.Status.Accelerator, member.Status.Traffic = deploy.Status.Accelerator, deploy.Status.Traffic
	for _, kind := range []string{
		v1.ConditionReady, v1.ConditionAvailable, v1.ConditionRendered, v1.ConditionApplied, v1.ConditionUpdateAvailable,
	} {
		if condition := meta.FindStatusCondition(deploy.Status.Conditions, kind); condition != nil {
			member.Status.Conditions = append(member.Status.Conditions, metav1.Condition{
				Type: kind, Status: condition.Status, Reason: condition.Reason, LastTransitionTime: condition.LastTransitionTime,
			})
		}
	}
	return member
}

// wake reconciles after other templates begin to serve. All NpuDeploys follow, so that those that are assigned the
// templates at once do not report before that they are available.
func (r *rollouts) wake() {
	r.swapped.Store(true)
	r.queue.add(requestRollouts())
}

// followSwap enqueues all NpuDeploys once after a swap.
func (r *rollouts) followSwap() {
	if r.swapped.Swap(false) {
		r.enqueueDeploys()
	}
}

// Reconcile records assignments in the NpuDeploys before the progress in the TemplateRollout.
func (r *rollouts) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	serving, err := r.deploys.renders.serving()
	if err != nil {
		return reconcile.Result{}, nil //nolint:nilerr // The store logs it, and wakes this when templates serve.
	}
	if err := r.deploys.sets.keep(ctx, serving); err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.roll(ctx, serving)
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: retryConflict}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	overdue, err := r.nextOverdue(ctx, serving)
	if wait := overdue.Sub(r.clock.Now()); !overdue.IsZero() && (result.RequeueAfter == 0 || wait < result.RequeueAfter) {
		result.RequeueAfter = max(time.Millisecond, wait)
	}
	return result, err
}

func (r *rollouts) roll(ctx context.Context, serving *render.Templates) (reconcile.Result, error) {
	start := r.clock.Now()
	all, ignored, err := r.list(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	if hasBegun, err := r.begin(ctx, slices.Concat(all, ignored), newestRevision(all), serving.Digest); !hasBegun {
		return reconcile.Result{RequeueAfter: retryConflict}, err
	}
	members, err := r.members(ctx, serving, all)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.deploys.unrecorded.retain(members)
	r.took.Store(int64(r.clock.Since(start)))
	directs, current := r.directs(all, serving.Digest), currentOf(all, serving.Digest)
	if directs && current == nil && needsRollout(members) {
		return reconcile.Result{}, r.create(ctx, all, ignored, members, serving.Digest) // Its event continues.
	}
	defer r.followSwap()
	if directs {
		if err := r.supersede(ctx, all, current); err != nil {
			return reconcile.Result{}, err
		}
	}
	if current == nil {
		r.deploys.unrecorded.setDecided(serving.Digest)
		return reconcile.Result{}, nil
	}
	result, err := r.evaluate(ctx, serving, all, current, members)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.took.Store(int64(r.clock.Since(start)))
	return r.record(ctx, current, members, result)
}

func (r *rollouts) evaluate(
	ctx context.Context, serving *render.Templates, all []v1.TemplateRollout, current *v1.TemplateRollout, members []rolloutMember,
) (rollout.Result, error) {
	input := rollout.Input{Rollout: current, Earlier: map[string]*v1.TemplateRollout{}, Policy: serving.Catalogue.Change, Now: r.clock.Now()}
	for i := range all[1:] { // The newest one is current.
		input.Earlier[all[i+1].Name] = &all[i+1]
	}
	var err error
	if input.Deploys, err = r.withHeldDevices(ctx, members); err != nil {
		return rollout.Result{}, err
	}
	if input.Nodes, err = r.nodes(ctx, input.Deploys); err != nil {
		return rollout.Result{}, err
	}
	return rollout.Evaluate(input), nil
}

// needsRollout reports whether the set changes the manifests of any member.
func needsRollout(members []rolloutMember) bool {
	return slices.ContainsFunc(members, func(m rolloutMember) bool { return m.Effect != render.None && m.Effect != render.Refused })
}

// begin records when a set began to serve. It reports whether that is known: the informer of a new leader may not have
// the last rollouts and halts of the leader before.
func (r *rollouts) begin(ctx context.Context, cached []v1.TemplateRollout, newest int64, digest string) (bool, error) {
	if r.began.digest == digest {
		return true, nil
	}
	var stored v1.TemplateRolloutList
	if err := r.client.List(ctx, &stored); err != nil {
		return false, fmt.Errorf("listing rollouts: %w", err)
	}
	if !equality.Semantic.DeepEqual(versionsOf(cached), versionsOf(stored.Items)) {
		return false, nil
	}
	r.began = servingBegan{digest, newest}
	return true, nil
}

func versionsOf(all []v1.TemplateRollout) map[types.UID]string {
	versions := make(map[types.UID]string, len(all))
	for i := range all {
		versions[all[i].UID] = all[i].ResourceVersion
	}
	return versions
}

// directs reports whether this controller directs the rollouts: another one that runs by mistake does if it
// serves a newer set.
func (r *rollouts) directs(all []v1.TemplateRollout, digest string) bool {
	return currentOf(all, digest) != nil || newestRevision(all) <= r.began.revision
}

// record patches the NpuDeploys, and then the rollout: a halt, which nothing but a retry ends, before them, because
// writes of many NpuDeploys take a while, and conflict with those of their statuses.
func (r *rollouts) record(
	ctx context.Context, current *v1.TemplateRollout, members []rolloutMember, result rollout.Result,
) (reconcile.Result, error) {
	if isHalted(result.Status) && !isHalted(current.Status) {
		if err := r.patchStatus(ctx, current, result.Status); err != nil {
			return reconcile.Result{}, fmt.Errorf("patching the status of %s: %w", current.Name, err)
		}
		return reconcile.Result{}, nil // Its event continues.
	}
	if err := r.assignAll(ctx, members, result.Assignments); err != nil {
		return reconcile.Result{}, err
	}
	r.deploys.unrecorded.setDecided(current.Spec.Templates)
	next, now := result.Next, r.clock.Now()
	if due := r.progressDue(current.Status, result.Status); now.Before(due) {
		if next.IsZero() || due.Before(next) {
			next = due
		}
	} else if err := r.patchStatus(ctx, current, result.Status); err != nil {
		return reconcile.Result{}, fmt.Errorf("patching the status of %s: %w", current.Name, err)
	}
	if next.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: max(time.Millisecond, next.Sub(now))}, nil
}

// assignAll records assignments, but those that are recorded with their result.
func (r *rollouts) assignAll(ctx context.Context, members []rolloutMember, assignments []rollout.Assignment) error {
	byName := make(map[types.NamespacedName]*v1.NpuDeploy, len(members))
	for _, m := range members {
		byName[client.ObjectKeyFromObject(m.object)] = m.object
	}
	var group errgroup.Group
	group.SetLimit(assignWorkers)
	var unrecorded []types.NamespacedName
	for _, assignment := range assignments {
		name := types.NamespacedName{Namespace: assignment.Namespace, Name: assignment.Name}
		deploy := byName[name]
		if assignment.WithResult {
			r.deploys.unrecorded.add(deploy, assignment.RolloutAssignment)
			unrecorded = append(unrecorded, name)
			continue
		}
		group.Go(func() error {
			if err := r.assign(ctx, deploy, assignment.RolloutAssignment); err != nil {
				return fmt.Errorf("assigning templates to %s: %w", name, err)
			}
			r.deploys.queue.add(name)
			return nil
		})
	}
	r.deploys.queue.addLast(unrecorded...)
	return group.Wait()
}

// progressDue returns when to write a status that differs in counts of NpuDeploys alone, which change all the time.
// It is zero for any other status.
func (r *rollouts) progressDue(before, after v1.TemplateRolloutStatus) time.Time {
	isSame := equality.Semantic.DeepEqual(before, after)
	after.Waves, after.Summary = before.Waves, before.Summary
	if isSame || !equality.Semantic.DeepEqual(before, after) {
		return time.Time{}
	}
	return r.wrote.Add(settleProgress)
}

func isHalted(status v1.TemplateRolloutStatus) bool {
	return meta.IsStatusConditionTrue(status.Conditions, v1.ConditionHalted)
}

// assign records an assignment. It fails with a conflict if the NpuDeploy has changed since it was evaluated.
func (r *rollouts) assign(ctx context.Context, deploy *v1.NpuDeploy, assignment v1.RolloutAssignment) error {
	before, after := r.deploys.statusOnly(deploy), r.deploys.statusOnly(deploy)
	before.ResourceVersion, after.ResourceVersion = deploy.ResourceVersion, deploy.ResourceVersion
	setAssignment(&after.Status, &assignment)
	_, err := r.objects.patch(ctx, before, after, client.MergeFromWithOptimisticLock{})
	return err
}

// setAssignment sets an assignment, and removes the update that it is: one write instead of another after the apply.
func setAssignment(next *v1.NpuDeployStatus, assignment *v1.RolloutAssignment) {
	next.Rollout = assignment
	if assignment != nil && next.Update != nil && next.Update.Templates == assignment.Templates {
		status.RemoveUpdate(next)
	}
}

func (r *rollouts) patchStatus(ctx context.Context, current *v1.TemplateRollout, next v1.TemplateRolloutStatus) error {
	if equality.Semantic.DeepEqual(current.Status, next) {
		return nil
	}
	after := current.DeepCopy()
	after.Status = next
	err := r.client.Status().Patch(ctx, after, client.MergeFromWithOptions(current, client.MergeFromWithOptimisticLock{}),
		client.FieldOwner(v1.FieldManager))
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	r.written.put(after)
	r.wrote = r.clock.Now()
	for _, t := range status.Transitions(current.Status.Conditions, next.Conditions) {
		r.event(current, t)
	}
	return nil
}

// event emits an event of a transition: a warning if the rollout is halted.
func (r *rollouts) event(current *v1.TemplateRollout, t status.Transition) {
	eventType := corev1.EventTypeNormal
	switch {
	case t.Type == v1.ConditionHalted && t.To == metav1.ConditionTrue:
		eventType = corev1.EventTypeWarning
	case t.Type != v1.ConditionProgressing && t.To != metav1.ConditionTrue:
		return
	}
	r.recorder.Eventf(current, nil, eventType, t.Reason, "Rollout", "%s is %s: %s", t.Type, t.To, t.Message)
}

// create creates the next rollout. One of the same name is another controller's, or is not in the informer yet: its
// event shows whether it is of the same set, or of one that began to serve later.
func (r *rollouts) create(ctx context.Context, all, ignored []v1.TemplateRollout, members []rolloutMember, digest string) error {
	revision := max(newestRevision(all), assignedRevision(members)) + 1
	for slices.ContainsFunc(ignored, func(other v1.TemplateRollout) bool { return other.Name == rollout.NameOf(revision) }) {
		revision++
	}
	next := rollout.New(digest, revision, r.deploys.sets.namespace)
	err := r.client.Create(ctx, next, client.FieldOwner(v1.FieldManager))
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating %s: %w", next.Name, err)
	}
	for i := maxRollouts - 1; i < len(all); i++ {
		if err := client.IgnoreNotFound(r.client.Delete(ctx, &all[i])); err != nil {
			return fmt.Errorf("deleting %s: %w", all[i].Name, err)
		}
	}
	return nil
}

// assignedRevision returns the highest revision that assignments name, or 0. Its rollout may be deleted: one with
// the same name would take the assignments for its own.
func assignedRevision(members []rolloutMember) int64 {
	highest := int64(0)
	for i := range members {
		if assigned := members[i].Assignment; assigned != nil {
			highest = max(highest, rollout.RevisionOf(assigned.Name))
		}
	}
	return highest
}

func newestRevision(all []v1.TemplateRollout) int64 {
	if len(all) == 0 {
		return 0
	}
	return all[0].Spec.Revision
}

// supersede ends all other rollouts. A halted one stays halted, and cannot be retried.
func (r *rollouts) supersede(ctx context.Context, all []v1.TemplateRollout, current *v1.TemplateRollout) error {
	for i := range all {
		old := &all[i]
		if current != nil && old.Name == current.Name || rollout.IsComplete(old) && old.Status.ObservedGeneration == old.Generation {
			continue
		}
		next := *old.Status.DeepCopy()
		next.ObservedGeneration = old.Generation
		if !rollout.IsComplete(old) {
			setSuperseded(&next, old.Generation, r.clock.Now())
		}
		if err := r.patchStatus(ctx, old, next); err != nil {
			return fmt.Errorf("patching the status of %s: %w", old.Name, err)
		}
	}
	return nil
}

func setSuperseded(next *v1.TemplateRolloutStatus, generation int64, now time.Time) {
	for _, condition := range []metav1.Condition{
		{Type: v1.ConditionProgressing, Reason: v1.ReasonSuperseded},
		{Type: v1.ConditionComplete, Reason: v1.ReasonIncomplete},
	} {
		condition.Status, condition.Message = metav1.ConditionFalse, "other templates serve"
		condition.ObservedGeneration, condition.LastTransitionTime = generation, metav1.NewTime(now).Rfc3339Copy()
		meta.SetStatusCondition(&next.Conditions, condition)
	}
}

// list returns the rollouts that the controller created, the newest first, and others, which it ignores.
func (r *rollouts) list(ctx context.Context) (own, others []v1.TemplateRollout, err error) {
	all, err := listRollouts(ctx, r.cache)
	if err != nil {
		return nil, nil, fmt.Errorf("listing rollouts: %w", err)
	}
	for i := range all {
		all[i] = *r.written.newest(&all[i])
	}
	first := slices.IndexFunc(all, func(other v1.TemplateRollout) bool { return !rollout.IsOwn(&other) })
	if first < 0 {
		return all, nil, nil
	}
	return all[:first], all[first:], r.ignore(ctx, all[first:])
}

// ignore reports in their status that other rollouts are ignored.
func (r *rollouts) ignore(ctx context.Context, others []v1.TemplateRollout) error {
	for i := range others {
		next := *others[i].Status.DeepCopy()
		next.ObservedGeneration = others[i].Generation
		meta.SetStatusCondition(&next.Conditions, metav1.Condition{
			Type: v1.ConditionProgressing, Status: metav1.ConditionFalse, Reason: v1.ReasonIgnored,
			Message: "the controller did not create it", ObservedGeneration: others[i].Generation,
			LastTransitionTime: metav1.NewTime(r.clock.Now()).Rfc3339Copy(),
		})
		if err := r.patchStatus(ctx, &others[i], next); err != nil {
			return fmt.Errorf("patching the status of %s: %w", others[i].Name, err)
		}
	}
	return nil
}

// listRollouts lists the cached TemplateRollouts, the newest first, as rollout.SortNewestFirst. They are shared.
func listRollouts(ctx context.Context, cache client.Reader) ([]v1.TemplateRollout, error) {
	var list v1.TemplateRolloutList
	if err := cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	all := slices.Clone(list.Items)
	rollout.SortNewestFirst(all)
	return all, nil
}

// currentOf returns the newest rollout if it is that of the set, or nil.
func currentOf(all []v1.TemplateRollout, digest string) *v1.TemplateRollout {
	if len(all) > 0 && all[0].Spec.Templates == digest {
		return &all[0]
	}
	return nil
}
