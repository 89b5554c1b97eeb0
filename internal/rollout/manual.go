package rollout

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// IsManual reports whether updates of an NpuDeploy wait for a request. The serving set's policy decides
// for a spec without a choice.
func IsManual(deploy *v1.NpuDeploy, serving *render.Catalogue) bool {
	return cmp.Or(deploy.Spec.Updates, serving.Defaults.Updates) == v1.UpdateManual
}

// JoinsWavesAt returns when an NpuDeploy with manual updates has been behind for as long as policy allows. It is
// zero if policy sets no limit, or if no update is available.
func JoinsWavesAt(deploy *v1.NpuDeploy, serving *render.Catalogue) time.Time {
	limit := serving.Change.ManualLimit()
	behind := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionUpdateAvailable)
	if limit == 0 || behind == nil || behind.Status != metav1.ConditionTrue || !IsManual(deploy, serving) {
		return time.Time{}
	}
	return behind.LastTransitionTime.Add(limit)
}

// IsOverdue reports whether an NpuDeploy is updated in waves although its updates are manual.
func IsOverdue(deploy *v1.NpuDeploy, serving *render.Catalogue, now time.Time) bool {
	joins := JoinsWavesAt(deploy, serving)
	return !joins.IsZero() && !now.Before(joins)
}

// KeepsAssignment reports whether a rollout assigned templates to an overdue NpuDeploy, and no others were
// requested since.
func KeepsAssignment(deploy *v1.NpuDeploy) bool {
	assigned := deploy.Status.Rollout
	return assigned != nil && assigned.Overdue != "" && assigned.Overdue == RequestOf(deploy)
}

// RequestOf returns the digest that annotation dudaji.com/update-to requests, or None.
func RequestOf(deploy *v1.NpuDeploy) string {
	const none, maxDigest = "None", 128
	requested := deploy.Annotations[v1.AnnotationUpdateTo]
	if len(requested) > maxDigest {
		return none
	}
	return cmp.Or(requested, none)
}
