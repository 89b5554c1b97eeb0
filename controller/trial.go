package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// maxTrials bounds the live objects that candidate templates are tried with.
	maxTrials = 8
	// trialTimeout bounds all dry runs of a candidate.
	trialTimeout = time.Minute
)

// trial tries candidate templates as server-side dry runs with a sample of live objects.
type trial struct {
	live   func(ctx context.Context) (templates.Live, error)
	writer client.Writer
	// children returns the objects of an owner: see apply.Applier.
	children func(ctx context.Context, owner apply.Owner) ([]apply.Child, error)
}

// trialOwner is one of the sample.
type trialOwner struct {
	apply.Owner

	renderer plan.Renderer
}

// run returns a *templates.RejectedError if the API server rejects an object of candidate, and
// does not reject the same object of serving: an admission policy that rejects both is no
// violation of candidate. Any other error means that the API server did not decide.
func (t trial) run(ctx context.Context, candidate, serving *render.Templates) error {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	live, err := t.live(ctx)
	if err != nil {
		return fmt.Errorf("listing live specs: %w", err)
	}
	sample, err := t.sampleOf(ctx, live)
	if err != nil {
		return err
	}
	rejected := &templates.RejectedError{}
	for _, owner := range sample {
		violations, err := t.try(ctx, owner, candidate, serving)
		if err != nil {
			return err
		}
		rejected.Violations = append(rejected.Violations, violations...)
	}
	if len(rejected.Violations) > 0 {
		return rejected
	}
	return nil
}

func (t trial) try(ctx context.Context, owner trialOwner, candidate, serving *render.Templates) ([]render.Violation, error) {
	errs, err := t.dryRun(ctx, owner, candidate)
	if err != nil || len(errs) == 0 {
		return nil, err
	}
	servingErrs, err := t.dryRun(ctx, owner, serving)
	if err != nil {
		return nil, err
	}
	var violations []render.Violation
	for ref, err := range errs {
		if servingErrs[ref] == nil {
			violations = append(violations, render.Violation{Message: fmt.Sprintf("dry run of %s %s/%s: %v", owner.Kind, owner.Namespace, owner.Name, err)})
		}
	}
	slices.SortFunc(violations, func(a, b render.Violation) int { return strings.Compare(a.Message, b.Message) })
	return violations, nil
}

// dryRun returns the objects of a set that the API server rejects. A kind that is not installed may be installed later, and
// a namespace that is being deleted accepts no new object. A spec that does not render is ignored: the serving set does
// not render it either, or it has changed since the validation.
func (t trial) dryRun(ctx context.Context, owner trialOwner, set *render.Templates) (map[apply.Ref]error, error) {
	rendered, err := owner.renderer.Unchecked(set)
	if err != nil {
		return nil, nil //nolint:nilerr // See above.
	}
	desired, err := apply.NewObjectSet(owner.Owner, rendered.Objects)
	if err != nil {
		return nil, nil //nolint:nilerr // See above.
	}
	errs := apply.DryRun(ctx, t.writer, desired)
	for ref, err := range errs {
		if _, isUnavailable := errors.AsType[*apply.UnavailableError](err); isUnavailable {
			return nil, err
		}
		_, notInstalled := errors.AsType[*apply.NotInstalledError](err)
		_, isTerminating := errors.AsType[*apply.TerminatingError](err)
		if notInstalled || isTerminating {
			delete(errs, ref)
		}
	}
	return errs, nil
}

// sampleOf returns live objects whose current manifests are applied, at most one for each
// combination of accelerator and kinds of owned objects, and one Project.
func (t trial) sampleOf(ctx context.Context, live templates.Live) ([]trialOwner, error) {
	var sample []trialOwner
	settings := render.SettingsByNamespace(live.Projects)
	sampled := map[string]bool{}
	for i := range live.Deploys {
		deploy := &live.Deploys[i]
		if len(sample) == maxTrials || !isApplied(deploy, deploy.Status.Conditions) {
			continue
		}
		children, err := t.children(ctx, apply.DeployOwner(deploy))
		if err != nil {
			return nil, err
		}
		combination := combinationOf(deploy, children)
		if sampled[combination] {
			continue
		}
		sampled[combination] = true
		sample = append(sample, trialOwner{apply.DeployOwner(deploy), plan.DeployRenderer(deploy, settings[deploy.Namespace])})
	}
	for i := range live.Projects {
		project := &live.Projects[i]
		if !isApplied(project, project.Status.Conditions) {
			continue
		}
		return append(sample, trialOwner{apply.ProjectOwner(project), plan.ProjectRenderer(project)}), nil
	}
	return sample, nil
}

func isApplied(object client.Object, conditions []metav1.Condition) bool {
	return object.GetDeletionTimestamp() == nil && meta.IsStatusConditionTrue(conditions, v1.ConditionApplied)
}

func combinationOf(deploy *v1.NpuDeploy, children []apply.Child) string {
	var words []string
	if accelerator := deploy.Status.Accelerator; accelerator != nil {
		words = append(words, accelerator.Type)
	}
	for _, child := range children {
		words = append(words, child.Ref.Kind)
	}
	return strings.Join(words, " ")
}
