package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// deployStatus is the statusKind of NpuDeploys.
type deployStatus struct{}

func (deployStatus) kind() string { return v1.Kind }

func (deployStatus) newObject() *v1.NpuDeploy { return &v1.NpuDeploy{} }

func (deployStatus) statusOnly(deploy *v1.NpuDeploy) *v1.NpuDeploy {
	return &v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Namespace: deploy.Namespace, Name: deploy.Name},
		Status:     *deploy.Status.DeepCopy(),
	}
}

func (deployStatus) status(deploy *v1.NpuDeploy) any { return &deploy.Status }

func (deployStatus) complete(deploy *v1.NpuDeploy, metadata metav1.ObjectMeta, specOf *v1.NpuDeploy) {
	deploy.ObjectMeta, deploy.Spec = metadata, specOf.Spec
}

func (deployStatus) conditions(deploy *v1.NpuDeploy) *[]metav1.Condition {
	return &deploy.Status.Conditions
}

func (deployStatus) inventory(deploy *v1.NpuDeploy) *[]v1.InventoryEntry {
	return &deploy.Status.Inventory
}

// deployKind is the ownerKind of NpuDeploys.
type deployKind struct {
	deployStatus

	cache          cache.Cache
	direct         client.Client // without the cache
	projects       *objects[*v1.Project]
	renders        *renderCache
	sets           *templateSets
	history        *specHistory
	claims         *hostClaims
	backends       *backendStates
	specs          *observedSpecs
	deferred       *deferredStatuses
	unrecorded     *unrecordedAssignments
	measured       *measurements
	queue          *queue
	checkInstalled func(schema.GroupVersionKind) error // see apply.Options
	impacts        *impactCache
	recorder       eventRecorder
	clock          clock.PassiveClock
	applier        *apply.Applier
}

// prepare stores the serving templates before they render, and loads all host claims before the
// first is decided.
func (k *deployKind) prepare(ctx context.Context) error {
	if serving, err := k.renders.serving(); err == nil {
		if err := k.sets.keep(ctx, serving); err != nil {
			return err
		}
	}
	return k.claims.load(ctx, k.loadClaims)
}

func (k *deployKind) render(ctx context.Context, deploy *v1.NpuDeploy) (*rendering, error) {
	project, exists, err := k.projects.get(ctx, client.ObjectKey{Name: deploy.Namespace})
	if err != nil {
		return nil, fmt.Errorf("reading the project: %w", err)
	}
	if !exists {
		project = nil
	}
	settings := render.SettingsOf(project)
	serving, err := k.renders.serving()
	if err != nil {
		return failedRendering(err), nil
	}
	isDecided := k.unrecorded.begin(deploy)
	set, err := k.templatesOf(ctx, deploy, settings, serving)
	if err != nil {
		return nil, err
	}
	backends, err := k.backendsOf(ctx, deploy)
	if err != nil {
		return nil, fmt.Errorf("reading the backends: %w", err)
	}
	input := renderInput{deploy.Generation, settings, set.digest, serving.Digest, set.unknown, describeBackends(backends)}
	rendered := k.renderWith(deploy, input, settings, set, backends)
	if rendered.isUpdatedInPlace() && !rollout.IsManual(deploy, serving.Catalogue) && !isDecided {
		return nil, errUndecided
	}
	renders := rendered.outcome.Reason == v1.ReasonRendered
	if err := k.history.record(ctx, deploy, renders, serving.Catalogue.SpecHistory); err != nil {
		return nil, fmt.Errorf("recording the spec: %w", err)
	}
	return rendered, nil
}

func (k *deployKind) renderWith(
	deploy *v1.NpuDeploy, input renderInput, settings render.ProjectSettings, set usedSet, backends []render.Backend,
) *rendering {
	return k.renders.get(deploy, input, apply.DeployOwner(deploy),
		func(r *rendering) ([]*unstructured.Unstructured, error) {
			templates, err := set.compiled()
			if err != nil {
				return nil, err
			}
			result, err := templates.RenderShared(deploy, settings, backends...)
			if err != nil {
				return nil, err
			}
			r.endpoint = result.Resolved.Endpoint
			r.resolved = &status.Resolved{
				URL:         result.Resolved.URL,
				Image:       result.Resolved.Image,
				Selector:    result.Resolved.Selector,
				Accelerator: result.Resolved.Accelerator,
				Parallelism: result.Resolved.Parallelism,
				Traffic:     result.Resolved.Traffic,
				Steps:       (*status.TrafficSteps)(result.Resolved.Steps),

				PlacementSeconds: result.Resolved.PlacementSeconds,
			}
			for _, object := range result.Objects {
				if manifests.IsWorkload(object.GroupVersionKind()) {
					r.resolved.Workload = object.GetKind()
				}
			}
			return result.Objects, nil
		},
		func(current *apply.ObjectSet) *status.Update {
			impact, _ := k.impacts.get(deploy, settings, set, current)
			update := set.update(impact)
			if update != nil && rollout.IsManual(deploy, set.serving.Catalogue) {
				update.MayWait = set.serving.Catalogue.Change.ManualLimit()
			}
			return update
		})
}

func (k *deployKind) evaluate(
	ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering, host hostOwnership, outcomes status.Outcomes,
) (*v1.NpuDeploy, error) {
	observed, err := k.observe(ctx, deploy, rendered, host)
	if err != nil {
		return nil, err
	}
	observed.Outcomes = outcomes
	if k.isAnyBehind(deploy.UID, observed.Workload) {
		// Ready is that of the previous templates and generation.
		previous := *deploy
		previous.Generation = deploy.Status.ObservedGeneration
		observed.Templates, observed.Deploy = "", &previous
	}
	name := client.ObjectKeyFromObject(deploy)
	if resolved := rendered.resolved; resolved != nil && isPromoting(deploy, resolved.Steps) {
		observed.Measurement = k.measured.of(name, render.BackendNames(deploy))
	} else {
		k.measured.forget(name)
	}
	if err := k.releasePartial(ctx, observed); err != nil {
		return nil, fmt.Errorf("releasing the devices of a group: %w", err)
	}
	next := k.statusOnly(deploy)
	next.Status = status.Evaluate(observed)
	if recordedShare(next) != recordedShare(deploy) {
		k.queue.addWith(priorityqueue.AddOpts{After: settleDrift}, name) // The route follows the status.
	}
	k.setTemplates(ctx, deploy, next, rendered)
	return next, nil
}

// isAnyBehind reports whether one of the objects with the pods is older in the cache than the last apply.
func (k *deployKind) isAnyBehind(deploy types.UID, workload status.Workload) bool {
	deployment, groups, ray := workload.Deployment, workload.Groups, workload.Ray
	return deployment != nil && k.applier.IsBehind(deploy, manifests.Deployment(), deployment) ||
		groups != nil && k.applier.IsBehind(deploy, manifests.LeaderWorkerSet(), groups) ||
		ray != nil && k.applier.IsBehind(deploy, manifests.RayService(), ray) ||
		workload.Prefill != nil && k.isAnyBehind(deploy, *workload.Prefill)
}

// setTemplates records the serving set in a status that is written for another reason, if updates are automatic, the
// manifests are the same, and no rollout of the set is under way: it may fail.
func (k *deployKind) setTemplates(ctx context.Context, deploy, next *v1.NpuDeploy, rendered *rendering) {
	if serving, err := k.renders.serving(); err != nil || rollout.IsManual(deploy, serving.Catalogue) {
		return
	}
	isSame := rendered.update == nil && rendered.objects != nil && next.Status.Templates == rendered.input.templates
	if !isSame || next.Status.Templates == rendered.input.serving || k.unrecorded.of(deploy) != nil ||
		!k.unrecorded.hasDecided(rendered.input.serving) || equality.Semantic.DeepEqual(next.Status, deploy.Status) {
		return
	}
	rollouts, err := listRollouts(ctx, k.cache)
	if err == nil && !rollout.LatestOf(rollouts).IsIncomplete(rendered.input.serving) {
		next.Status.Templates = rendered.input.serving
	}
}

// keepNewer copies the assignment of templates, or records one with its result. Manual updates end it, unless they were
// overdue.
func (k *deployKind) keepNewer(current, next *v1.NpuDeploy) (isExclusive bool) {
	assignment := current.Status.Rollout
	if decided := k.unrecorded.unrecordedOf(current); decided != nil && decided.Templates == next.Status.Templates {
		assignment, isExclusive = decided, true
	}
	if serving, err := k.renders.serving(); err == nil && rollout.IsManual(current, serving.Catalogue) && !rollout.KeepsAssignment(current) {
		assignment = nil
	}
	setAssignment(&next.Status, assignment.DeepCopy())
	return isExclusive
}

func (k *deployKind) onDeleting(ctx context.Context, deploy *v1.NpuDeploy) error {
	return k.releaseClaims(ctx, client.ObjectKeyFromObject(deploy), "")
}

func (k *deployKind) onDeleted(ctx context.Context, name types.NamespacedName) error {
	k.impacts.forget(name)
	k.specs.forget(name)
	k.deferred.forget(name)
	k.history.forget(name)
	k.backends.forget(name)
	k.measured.forget(name)
	return k.releaseClaims(ctx, name, "")
}
