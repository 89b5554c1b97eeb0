package rollout

import (
	"cmp"
	"slices"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// SortNewestFirst sorts rollouts by their revisions.
func SortNewestFirst(rollouts []v1.TemplateRollout) {
	slices.SortFunc(rollouts, func(a, b v1.TemplateRollout) int { return cmp.Compare(b.Spec.Revision, a.Spec.Revision) })
}

// Latest are the newest rollouts of sets of templates, by digest.
type Latest map[string]*v1.TemplateRollout

// LatestOf returns the newest rollout of each set.
func LatestOf(newestFirst []v1.TemplateRollout) Latest {
	latest := Latest{}
	for i := range newestFirst {
		if digest := newestFirst[i].Spec.Templates; latest[digest] == nil {
			latest[digest] = &newestFirst[i]
		}
	}
	return latest
}

// IsHalted reports whether the set must not be used: its newest rollout is halted.
func (l Latest) IsHalted(digest string) bool {
	newest := l[digest]
	return newest != nil && isTrue(newest, v1.ConditionHalted)
}

// IsIncomplete reports whether the newest rollout of the set is not complete, such as a superseded one.
func (l Latest) IsIncomplete(digest string) bool {
	newest := l[digest]
	return newest != nil && !IsComplete(newest)
}

// ProjectLabels returns the labels of Projects by name, by which stages select them.
func ProjectLabels(projects []v1.Project) map[string]map[string]string {
	labels := make(map[string]map[string]string, len(projects))
	for i := range projects {
		labels[projects[i].Name] = projects[i].Labels
	}
	return labels
}
