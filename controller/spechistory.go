package controller

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/history"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=create;delete;list;patch
// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys/finalizers,verbs=update

// specHistory stores the specs that NpuDeploys had and that rendered: see internal/history. It reads and writes only
// after a change of a spec.
type specHistory struct {
	client client.Client // without a cache
	clock  clock.PassiveClock

	mu sync.Mutex
	// pending are the changes that are not recorded yet.
	pending map[types.NamespacedName]pendingChange
	// recorded are the last generations that this process has recorded, or that needed no record.
	recorded map[types.NamespacedName]recordedSpec
}

type pendingChange struct {
	before     *v1.NpuDeploy // as the informer had it
	generation int64         // after the last change
	isRemoval  bool          // whether managedFields do not record the last change
}

type recordedSpec struct {
	uid        types.UID
	generation int64
	renders    bool
	isChange   bool // false for the first spec
}

func (r recordedSpec) isOf(deploy *v1.NpuDeploy) bool {
	return r.uid == deploy.UID && r.generation == deploy.Generation
}

func newSpecHistory(client client.Client, clock clock.PassiveClock) *specHistory {
	return &specHistory{
		client: client, clock: clock, pending: map[types.NamespacedName]pendingChange{}, recorded: map[types.NamespacedName]recordedSpec{},
	}
}

// changed keeps the spec before a change until the change is recorded. If several changes follow each other, it keeps
// the spec before the first: those in between were never applied.
func (s *specHistory) changed(before, after *v1.NpuDeploy) {
	if before.UID != after.UID || before.Generation == after.Generation {
		return
	}
	name := client.ObjectKeyFromObject(after)
	s.mu.Lock()
	defer s.mu.Unlock()
	change := s.pending[name]
	if change.before == nil || change.before.UID != after.UID {
		change.before = before
	}
	change.generation, change.isRemoval = after.Generation, !history.IsRecorded(before, after)
	s.pending[name] = change
}

func (s *specHistory) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, name)
	delete(s.recorded, name)
}

// record records a changed spec once per generation, and again when a spec that did not render begins to render. A
// change that was made while no controller ran is recognized by the status; the spec before it is then known only if
// it was stored.
func (s *specHistory) record(ctx context.Context, deploy *v1.NpuDeploy, renders bool, limit int) error {
	name := client.ObjectKeyFromObject(deploy)
	s.mu.Lock()
	pending, recorded := s.pending[name], s.recorded[name]
	s.mu.Unlock()
	if recorded.isOf(deploy) && (recorded.renders || !renders) {
		return nil
	}
	next := recordedSpec{deploy.UID, deploy.Generation, renders, isChanged(pending, recorded, deploy)}
	change := history.SpecChange{After: deploy, Renders: renders, IsRemoval: pending.isRemoval, SeenAt: s.clock.Now()}
	if pending.before != nil && didRender(pending.before, recorded) {
		change.Before = pending.before
	}
	if limit > 0 && next.isChange && change.ChangesHistory() {
		if err := s.store(ctx, change, limit); isRejected(err) {
			logr.FromContextOrDiscard(ctx).Error(err, "Could not record the spec: it cannot be restored later")
		} else if err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded[name] = next
	if s.pending[name] == pending {
		delete(s.pending, name)
	}
	return nil
}

// isChanged reports whether the spec is not the first one, which is not stored.
func isChanged(pending pendingChange, recorded recordedSpec, deploy *v1.NpuDeploy) bool {
	observed := deploy.Status.ObservedGeneration
	return pending.before != nil || recorded.isOf(deploy) && recorded.isChange || observed != 0 && observed != deploy.Generation
}

// didRender reports whether a spec rendered in this process or, by its status, in an earlier one.
func didRender(deploy *v1.NpuDeploy, recorded recordedSpec) bool {
	if recorded.isOf(deploy) {
		return recorded.renders
	}
	condition := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionRendered)
	return condition != nil && condition.Status == metav1.ConditionTrue && condition.ObservedGeneration == deploy.Generation
}

func (s *specHistory) store(ctx context.Context, change history.SpecChange, limit int) error {
	var list appsv1.ControllerRevisionList
	deploy := change.After
	err := s.client.List(ctx, &list, client.InNamespace(deploy.Namespace), client.MatchingLabels{v1.LabelDeploy: deploy.Name})
	if err != nil {
		return fmt.Errorf("listing revisions: %w", err)
	}
	changes, err := history.Record(history.Stored(deploy, list.Items), change, limit)
	if err != nil {
		return err
	}
	for _, object := range changes.Create {
		if err := s.client.Create(ctx, object, client.FieldOwner(v1.FieldManager)); client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("creating revision %s: %w", object.Name, err)
		}
	}
	if renumbered := changes.Renumber; renumbered != nil {
		if err := s.client.Patch(ctx, renumbered.To, client.MergeFrom(renumbered.From), client.FieldOwner(v1.FieldManager)); err != nil {
			return fmt.Errorf("renumbering revision %s: %w", renumbered.To.Name, err)
		}
	}
	for _, object := range changes.Delete {
		if err := client.IgnoreNotFound(s.client.Delete(ctx, object)); err != nil {
			return fmt.Errorf("deleting revision %s: %w", object.Name, err)
		}
	}
	return nil
}

// isRejected reports whether the API server would reject another attempt too.
func isRejected(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsNotFound(err) || apierrors.IsRequestEntityTooLargeError(err)
}
