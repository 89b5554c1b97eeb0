package controller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func assignedTo(templates string) *v1.RolloutAssignment {
	return &v1.RolloutAssignment{Name: "templates-of-" + templates, Templates: templates}
}

func deployWith(uid types.UID, assignment *v1.RolloutAssignment) *v1.NpuDeploy {
	deploy := &v1.NpuDeploy{}
	deploy.UID, deploy.Name, deploy.Status.Rollout, deploy.Status.Templates = uid, string(uid), assignment, "old"
	return deploy
}

func TestUnrecordedAssignmentEndsWithTheNextRecord(t *testing.T) {
	t.Parallel()
	u := newUnrecordedAssignments(nil, nil)
	u.add(deployWith("a", nil), *assignedTo("new"))
	u.add(deployWith("b", assignedTo("old")), *assignedTo("new"))
	u.add(deployWith("c", nil), *assignedTo("new"))
	u.retain([]rolloutMember{{object: deployWith("a", nil)}, {object: deployWith("b", assignedTo("old"))}})
	for name, c := range map[string]struct {
		deploy *v1.NpuDeploy
		want   string
	}{
		"not recorded":                {deployWith("a", nil), "new"},
		"recorded":                    {deployWith("a", assignedTo("new")), "new"},
		"another one is recorded":     {deployWith("a", assignedTo("newest")), "newest"},
		"the earlier one is recorded": {deployWith("b", assignedTo("old")), "new"},
		"no member any more":          {deployWith("c", nil), ""},
		"another object":              {deployWith("d", nil), ""},
	} {
		if got := assignedTemplates(u.of(c.deploy)); got != c.want {
			t.Errorf("%s: assigned %q, want %q", name, got, c.want)
		}
	}
	if len(u.byUID) != 2 || len(u.waiting) != 2 {
		t.Errorf("%v are kept, and %v wait", u.byUID, u.waiting)
	}
}

// While a set is applied in place, each status that only records it would delay the others.
func TestRecordOfTemplatesWaitsForTheOthers(t *testing.T) {
	t.Parallel()
	serving := &render.Templates{Catalogue: &render.Catalogue{}}
	passive := testclock.NewFakePassiveClock(time.Unix(0, 0))
	kind := &deployKind{
		deferred: newDeferredStatuses(passive),
		renders:  newRenderCache(func() (*render.Templates, error) { return serving, nil }, nil),
	}
	var enqueued []string
	kind.unrecorded = newUnrecordedAssignments(passive, func(names ...types.NamespacedName) { enqueued = append(enqueued, names[0].Name) })
	first, second := deployWith("a", nil), deployWith("b", nil)
	kind.unrecorded.add(first, *assignedTo("new"))
	kind.unrecorded.add(second, *assignedTo("new"))
	kind.unrecorded.begin(first)
	next := first.DeepCopy()
	next.Status.Templates = "new"
	more := next.DeepCopy()
	more.Status.ReadyReplicas = 1
	changed := apply.ChangeSet{{Action: apply.Configured}}
	expect := func(what string, after time.Duration, priority int, want time.Duration) {
		t.Helper()
		if after != want || (want > 0) != (priority == priorityRecord) {
			t.Errorf("%s: waits %s with priority %d, want %s", what, after, priority, want)
		}
	}
	delay := func(what string, next *v1.NpuDeploy, want time.Duration) {
		t.Helper()
		after, priority := kind.statusDelay(first, next)
		expect(what, after, priority, want)
	}
	apply := func(what string, want time.Duration) {
		t.Helper()
		after, priority := kind.delayAfterApply(first, nil, changed)
		expect(what, after, priority, want)
	}
	apply("applied", maxControllers)
	delay("the same later", next, maxControllers)
	delay("other changes", more, 0)
	apply("applied again, after another client's change", 0)
	delay("the same later, after another client's change", next, 0)
	kind.unrecorded.add(first, *assignedTo("new"))
	kind.unrecorded.begin(first)
	delay("assigned again", next, maxControllers)
	kind.unrecorded.begin(second)
	delay("the others are applied", next, 0)
	if slices.Sort(enqueued); !slices.Equal(enqueued, []string{"a", "b"}) {
		t.Errorf("%v are recorded after the last one was applied", enqueued)
	}

	if isExclusive := kind.keepNewer(first, next); !isExclusive || next.Status.Rollout == nil {
		t.Errorf("the result does not record the assignment: %v", next.Status.Rollout)
	}
	if isExclusive := kind.keepNewer(second, second.DeepCopy()); isExclusive {
		t.Error("an assignment is recorded before its result")
	}
	manual := first.DeepCopy()
	manual.Spec.Updates = v1.UpdateManual
	if kind.keepNewer(manual, next); next.Status.Rollout != nil {
		t.Errorf("manual updates are assigned %v", next.Status.Rollout)
	}
}

// While TemplateRollouts cannot be written, the specs and the drift of NpuDeploys are applied all the same.
func TestReconcilesDoNotWaitForDecisionsForLong(t *testing.T) {
	t.Parallel()
	passive := testclock.NewFakePassiveClock(time.Unix(1000, 0))
	u := newUnrecordedAssignments(passive, nil)
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {maxUndecided - 1, false}, {1, true}} {
		passive.SetTime(passive.Now().Add(c.after))
		if got := u.begin(deployWith("a", nil)); got != c.want {
			t.Errorf("at %s: may apply: %t, want %t", passive.Now(), got, c.want)
		}
	}
	u = newUnrecordedAssignments(passive, nil)
	if u.setDecided("set"); !u.begin(deployWith("a", nil)) {
		t.Error("a reconcile waits after the decision")
	}
	if !u.hasDecided("set") || u.hasDecided("a newer set") {
		t.Error("the decision is not one about the set alone")
	}
}

// noObjects is a cache without objects.
type noObjects struct{ cache.Cache }

func (noObjects) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{}, "")
}

// Without templates there are no decisions to wait for: the time counts from when templates serve.
func TestWaitForDecisionsBeginsWithTemplates(t *testing.T) {
	t.Parallel()
	u := newUnrecordedAssignments(testclock.NewFakePassiveClock(time.Unix(1000, 0)), nil)
	kind := &deployKind{
		projects:   newObjects[*v1.Project](projectStatus{}, noObjects{}, nil),
		renders:    newRenderCache(func() (*render.Templates, error) { return nil, errors.New("no templates") }, nil),
		unrecorded: u,
	}
	rendered, err := kind.render(t.Context(), deployWith("a", nil))
	if err != nil || rendered.err == nil || !u.asked.IsZero() {
		t.Errorf("rendered %v, %v, and waits since %s", rendered, err, u.asked)
	}
}
