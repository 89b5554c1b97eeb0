package rollout_test

import (
	"math"
	"slices"
	"testing"

	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestRolloutsOfOthersAreNotTheNewest(t *testing.T) {
	t.Parallel()
	own := func(revision int64, digest string) v1.TemplateRollout {
		return *rollout.New(digest, revision, "nufi-system")
	}
	byHand := v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Templates: target, Revision: math.MaxInt64}}
	byHand.Name = rollout.NameOf(math.MaxInt64)
	copied := own(2, target)
	copied.Name, copied.Spec.Revision = rollout.NameOf(9), 9
	all := []v1.TemplateRollout{byHand, own(1, before), copied, own(2, target), own(3, before)}
	rollout.SortNewestFirst(all)
	var revisions []int64
	for i := range all {
		revisions = append(revisions, all[i].Spec.Revision)
	}
	if want := []int64{3, 2, 1, math.MaxInt64, 9}; !slices.Equal(revisions, want) {
		t.Errorf("the revisions are %v, want %v", revisions, want)
	}
	latest := rollout.LatestOf(all)
	if latest[target].Spec.Revision != 2 || latest[before].Spec.Revision != 3 {
		t.Errorf("the newest rollouts are %d and %d", latest[target].Spec.Revision, latest[before].Spec.Revision)
	}
	if got := rollout.StoredIn(all); got != "nufi-system" {
		t.Errorf("templates are stored in %q", got)
	}
}
