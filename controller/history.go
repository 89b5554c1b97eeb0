package controller

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/history"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=create;delete;list;patch
// +kubebuilder:rbac:groups=dudaji.com,resources=npudeploys/finalizers,verbs=update

// specHistory stores the specs that NpuDeploys had: see internal/history. It reads and writes only
// after a change of a spec.
type specHistory struct {
	client client.Client // without a cache

	mu sync.Mutex
	// before are the NpuDeploys before changes that are not recorded, as the informer had them.
	before map[types.NamespacedName]*v1.NpuDeploy
	// recorded are the generations that this process recorded.
	recorded map[types.NamespacedName]generationOf
}

type generationOf struct {
	uid        types.UID
	generation int64
}

func newSpecHistory(client client.Client) *specHistory {
	return &specHistory{client: client, before: map[types.NamespacedName]*v1.NpuDeploy{}, recorded: map[types.NamespacedName]generationOf{}}
}

// changed keeps the spec before a change until it is recorded. Of several changes it keeps the first:
// the others have never been applied.
func (s *specHistory) changed(before, after *v1.NpuDeploy) {
	if before.UID != after.UID || before.Generation == after.Generation {
		return
	}
	name := client.ObjectKeyFromObject(after)
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.before[name]; kept == nil || kept.UID != after.UID {
		s.before[name] = before
	}
}

func (s *specHistory) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.before, name)
	delete(s.recorded, name)
}

// record records a changed spec, once per generation. A change that happened while no controller
// ran shows in the status: then the spec before is not known, unless it was stored.
func (s *specHistory) record(ctx context.Context, deploy *v1.NpuDeploy, limit int) error {
	name, current := client.ObjectKeyFromObject(deploy), generationOf{deploy.UID, deploy.Generation}
	s.mu.Lock()
	before, isRecorded := s.before[name], s.recorded[name] == current
	s.mu.Unlock()
	observed := deploy.Status.ObservedGeneration
	if isRecorded || before == nil && (observed == 0 || observed == deploy.Generation) {
		return nil
	}
	if limit > 0 && (before == nil || !history.Equal(&before.Spec, &deploy.Spec)) {
		if err := s.store(ctx, before, deploy, limit); isRejected(err) {
			logr.FromContextOrDiscard(ctx).Error(err, "Could not record the spec: it cannot be restored later")
		} else if err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded[name] = current
	if s.before[name] == before {
		delete(s.before, name)
	}
	return nil
}

func (s *specHistory) store(ctx context.Context, before, deploy *v1.NpuDeploy, limit int) error {
	var list appsv1.ControllerRevisionList
	err := s.client.List(ctx, &list, client.InNamespace(deploy.Namespace), client.MatchingLabels{v1.LabelDeploy: deploy.Name})
	if err != nil {
		return fmt.Errorf("listing revisions: %w", err)
	}
	changes, err := history.Record(history.Stored(deploy, list.Items), before, deploy, limit)
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
