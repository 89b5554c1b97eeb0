package controller

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// usedSet is the set of templates that an NpuDeploy uses.
type usedSet struct {
	digest   string
	compiled func() (*render.Templates, error)
	serving  *render.Templates
}

// templatesOf returns the serving set or, if updates are manual, the requested or the current one.
// The serving set's policy decides for a spec without a choice.
// A set that is not kept any more is ignored.
func (k *deployKind) templatesOf(deploy *v1.NpuDeploy, serving *render.Templates) usedSet {
	if cmp.Or(deploy.Spec.Updates, serving.Catalogue.Defaults.Updates) == v1.UpdateManual {
		for _, digest := range []string{deploy.Annotations[v1.AnnotationUpdateTo], deploy.Status.Templates} {
			if digest == serving.Digest {
				break
			}
			if kept := k.revisions.get(digest); kept != nil {
				return usedSet{digest, kept.compile, serving}
			}
		}
	}
	return usedSet{serving.Digest, func() (*render.Templates, error) { return serving, nil }, serving}
}

// update returns what the serving set would change, or nil.
func (s usedSet) update(deploy *v1.NpuDeploy, settings render.ProjectSettings) *status.Update {
	if s.digest == s.serving.Digest {
		return nil
	}
	impact := plan.Impact{Effect: render.Restart, Message: "this version of the controller cannot use the current templates"}
	if current, err := s.compiled(); err == nil {
		impact = plan.Sets{Now: current, Next: s.serving}.Impact(plan.DeployRenderer(deploy, settings))
	}
	if impact.Effect == render.None {
		return nil
	}
	return &status.Update{
		TemplateUpdate: v1.TemplateUpdate{Templates: s.serving.Digest, Effect: string(impact.Effect)},
		Message:        describeUpdate(s.serving.Digest, impact),
	}
}

func describeUpdate(digest string, impact plan.Impact) string {
	var changes []string
	for _, change := range impact.Changes {
		changes = append(changes, fmt.Sprintf("%s (%s)", change.Object, change.Effect))
	}
	if impact.Message != "" {
		changes = append(changes, impact.Message)
	}
	return fmt.Sprintf("templates %s: %s", digest, strings.Join(changes, ", "))
}

// usedTemplates returns the digests of the sets that NpuDeploys use.
func (k *deployKind) usedTemplates(ctx context.Context) ([]string, error) {
	deploys, err := listDeploys(ctx, k.cache, metav1.NamespaceAll)
	if err != nil {
		return nil, err
	}
	var digests []string
	for i := range deploys {
		digests = append(digests, deploys[i].Status.Templates, deploys[i].Annotations[v1.AnnotationUpdateTo])
	}
	return digests, nil
}
