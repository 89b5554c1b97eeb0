package controller

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/message"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxDigest bounds a requested digest in messages, in bytes: an annotation may have any text.
const maxDigest = 80

// usedSet is the set of templates that an NpuDeploy uses.
type usedSet struct {
	digest   string
	compiled func() (*render.Templates, error)
	serving  *render.Templates
	// unknown is the digest of a set that was requested and is not stored, or "".
	unknown string
	// isApplied reports whether the objects of the NpuDeploy are those of a set: see apply.Applier.
	isApplied func(*apply.ObjectSet) bool
}

// assignedTemplates returns the digest of the assigned set, or "".
func assignedTemplates(assignment *v1.RolloutAssignment) string {
	if assignment == nil {
		return ""
	}
	return assignment.Templates
}

// templatesOf returns the set that an NpuDeploy uses: the set that was assigned to it or, if its updates are manual and
// not overdue, the one that was requested. Without either, it stays on the set of its manifests. A new NpuDeploy uses
// the serving set or, if that set's rollout is halted, the newest set whose rollout is complete.
//
// If the set of its manifests is lost, and the serving set renders the same ones, it uses that. Otherwise nothing is
// rendered until another set is assigned or requested, and the running objects stay.
func (k *deployKind) templatesOf(
	ctx context.Context, deploy *v1.NpuDeploy, settings render.ProjectSettings, serving *render.Templates,
) (usedSet, error) {
	set, err := k.assignedSet(ctx, deploy, serving)
	if err != nil || !set.isLost() {
		return set, err
	}
	set.isApplied = func(desired *apply.ObjectSet) bool {
		isApplied, err := k.applier.IsApplied(ctx, desired, apply.Recorded{Inventory: deploy.Status.Inventory})
		return err == nil && isApplied // Without an answer, it waits for its wave.
	}
	if set.digest != deploy.Status.Templates {
		return set, nil // It was requested.
	}
	if impact, _ := k.impacts.get(deploy, settings, set, nil); impact.Effect == render.None {
		return servingSet(serving, set.unknown), nil
	}
	return set, nil
}

func servingSet(serving *render.Templates, unknown string) usedSet {
	return usedSet{digest: serving.Digest, compiled: func() (*render.Templates, error) { return serving, nil }, serving: serving, unknown: unknown}
}

// assignedSet is templatesOf without a comparison of what a lost set left.
func (k *deployKind) assignedSet(ctx context.Context, deploy *v1.NpuDeploy, serving *render.Templates) (usedSet, error) {
	digests := []string{assignedTemplates(k.unrecorded.of(deploy)), deploy.Status.Templates}
	requested := ""
	if rollout.IsManual(deploy, serving.Catalogue) && !rollout.KeepsAssignment(deploy) {
		requested = deploy.Annotations[v1.AnnotationUpdateTo]
		digests[0] = requested
	}
	if deploy.Status.Templates == "" {
		rollouts, err := listRollouts(ctx, k.cache)
		if err != nil {
			return usedSet{}, fmt.Errorf("listing rollouts: %w", err)
		}
		digests = append(digests, k.sets.newest(serving.Digest, rollouts))
	}
	unknown := ""
	for _, digest := range digests {
		if digest == serving.Digest {
			break
		}
		kept, err := k.sets.get(ctx, digest)
		switch {
		case err != nil:
			return usedSet{}, err
		case kept != nil:
			return usedSet{digest: digest, compiled: kept.compile, serving: serving, unknown: unknown}, nil
		case digest == "":
		case digest == requested:
			unknown = digest
		case digest == deploy.Status.Templates:
			return usedSet{digest: digest, compiled: notStored(digest), serving: serving, unknown: unknown}, nil
		}
	}
	return servingSet(serving, unknown), nil
}

// unusableSetError means that the set that an NpuDeploy uses is not stored, or of another version of the controller.
type unusableSetError struct{ error }

func notStored(digest string) func() (*render.Templates, error) {
	return func() (*render.Templates, error) {
		return nil, unusableSetError{fmt.Errorf("templates %s are not stored any more: what runs stays until other ones are assigned or requested", digest)}
	}
}

// isLost reports whether the set is not stored any more, or does not compile.
func (s usedSet) isLost() bool {
	_, err := s.compiled()
	return err != nil
}

// reportedInput is the input of a rendering with the backends that the status reports.
func (s usedSet) reportedInput(deploy *v1.NpuDeploy, settings render.ProjectSettings) renderInput {
	return renderInput{deploy.Generation, settings, s.digest, s.serving.Digest, "", describeBackends(render.ReportedBackends(deploy))}
}

// impact returns the effect of the serving set, and the devices that pods have with it. current are the manifests of
// the used set; if it is nil, they are rendered.
func (s usedSet) impact(deploy *v1.NpuDeploy, settings render.ProjectSettings, current *apply.ObjectSet) (plan.Impact, *rollout.Devices) {
	if s.digest == s.serving.Digest {
		return plan.Impact{Effect: render.None}, nil
	}
	renderer := plan.DeployRenderer(deploy, settings)
	if current != nil {
		if impact, devices, ok := s.impactOn(current, apply.DeployOwner(deploy), renderer); ok {
			return impact, devices
		}
	}
	used, err := s.compiled()
	if err != nil {
		return s.impactOnLost(apply.DeployOwner(deploy), renderer, err)
	}
	impact, next := plan.Sets{Now: used, Next: s.serving}.Render(renderer)
	return impact, devicesOf(next)
}

// impactOn is impact for manifests that were rendered before. If they cannot be compared, it is not ok.
func (s usedSet) impactOn(current *apply.ObjectSet, owner apply.Owner, renderer plan.Renderer) (impact plan.Impact, devices *rollout.Devices, ok bool) {
	next, err := renderer.Render(s.serving)
	if err != nil {
		return plan.Impact{Effect: render.Refused, Message: err.Error()}, nil, true
	}
	desired, err := apply.NewObjectSet(owner, next.Objects)
	if err != nil {
		return impact, nil, false
	}
	before, err := current.Except(desired)
	if err != nil {
		return impact, nil, false
	}
	after, err := desired.Except(current)
	if err != nil {
		return impact, nil, false
	}
	effect, changes := render.Compare(
		&render.Result{Manifests: render.Manifests{Objects: before}}, &render.Result{Manifests: render.Manifests{Objects: after}})
	return plan.Impact{Effect: effect, Changes: changes}, devicesOf(next), true
}

// impactOnLost is impact if the used set is lost. The digests of its manifests are left, on the objects.
func (s usedSet) impactOnLost(owner apply.Owner, renderer plan.Renderer, lost error) (plan.Impact, *rollout.Devices) {
	next, err := renderer.Render(s.serving)
	if err != nil {
		return plan.Impact{Effect: render.Refused, Message: err.Error()}, nil
	}
	desired, err := apply.NewObjectSet(owner, next.Objects)
	if err == nil && s.isApplied(desired) {
		return plan.Impact{Effect: render.None}, devicesOf(next)
	}
	return plan.Impact{Effect: render.Restart, Message: lost.Error()}, devicesOf(next)
}

// update describes what the serving set would change. It is nil if it changes nothing, and no unknown set was
// requested.
func (s usedSet) update(impact plan.Impact) *status.Update {
	var update *status.Update
	if impact.Effect != render.None {
		update = &status.Update{
			TemplateUpdate: v1.TemplateUpdate{Templates: s.serving.Digest, Effect: string(impact.Effect)},
			Message:        fmt.Sprintf("templates %s: %s", s.serving.Digest, impact.Describe()),
		}
	}
	if s.unknown == "" {
		return update
	}
	text := fmt.Sprintf("templates %s, which were requested, are not stored", message.Line(s.unknown, maxDigest))
	if update == nil {
		return &status.Update{Message: text}
	}
	update.Message = text + "; " + update.Message
	return update
}

// usedTemplates returns the digests of the sets that NpuDeploys use.
func (k *deployKind) usedTemplates(ctx context.Context) ([]string, error) {
	deploys, err := listDeploys(ctx, k.cache, metav1.NamespaceAll)
	if err != nil {
		return nil, err
	}
	var digests []string
	for _, deploy := range deploys {
		digests = append(digests, deploy.Status.Templates, deploy.Annotations[v1.AnnotationUpdateTo])
		if assigned := k.unrecorded.of(deploy); assigned != nil {
			digests = append(digests, assigned.Templates, assigned.From)
		}
	}
	return digests, nil
}
