package history_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/history"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func newDeploy(model string, replicas int32) *v1.NpuDeploy {
	deploy := &v1.NpuDeploy{Spec: v1.NpuDeploySpec{Model: model, InferenceServer: &v1.InferenceServer{Replicas: &replicas}}}
	deploy.Namespace, deploy.Name, deploy.UID = "team", "llama", "uid"
	deploy.ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "kubectl", Time: &metav1.Time{Time: time.Unix(1, 0)}, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)},
		{Manager: "nufi-controller", Subresource: "status", Time: &metav1.Time{Time: time.Unix(2, 0)}, FieldsV1: metav1.NewFieldsV1(`{"f:status":{}}`)},
	}
	return deploy
}

// cluster stores ControllerRevisions as an API server does.
type cluster map[string]appsv1.ControllerRevision

func (c cluster) list() []appsv1.ControllerRevision {
	var objects []appsv1.ControllerRevision
	for _, object := range c {
		objects = append(objects, object)
	}
	return objects
}

func (c cluster) record(t *testing.T, before, after *v1.NpuDeploy) string {
	t.Helper()
	return c.recordChange(t, history.SpecChange{Before: before, After: after, Renders: true}, 10)
}

func (c cluster) recordChange(t *testing.T, change history.SpecChange, limit int) string {
	t.Helper()
	if !change.ChangesHistory() {
		return ""
	}
	changes, err := history.Record(history.Stored(change.After, c.list()), change, limit)
	if err != nil {
		t.Fatal(err)
	}
	writes := strings.Repeat("+", len(changes.Create))
	for _, object := range changes.Create {
		if _, exists := c[object.Name]; exists {
			t.Errorf("%s already exists", object.Name)
		}
		c[object.Name] = *object
	}
	if changes.Renumber != nil {
		c[changes.Renumber.To.Name] = *changes.Renumber.To
		writes += "="
	}
	for _, object := range changes.Delete {
		delete(c, object.Name)
	}
	return writes + strings.Repeat("-", len(changes.Delete))
}

// show returns the models by revision; an asterisk is the current one.
func show(revisions []history.Revision) string {
	var shown []string
	for _, r := range revisions {
		text := fmt.Sprintf("%d:%s", r.Number, r.Spec.Model)
		if r.IsCurrent {
			text += "*"
		}
		shown = append(shown, text)
	}
	return strings.Join(shown, " ")
}

func TestRecord(t *testing.T) {
	// Each step changes the model; "?" is a change that the controller did not see, "!" a spec that does
	// not render.
	for name, row := range map[string]struct {
		steps, writes, want string
	}{
		"never changed":                    {"a", "", "1:a*"},
		"first change":                     {"a b", "++", "1:a 2:b*"},
		"later change":                     {"a b c", "++ +", "1:a 2:b 3:c*"},
		"earlier spec again":               {"a b a", "++ =", "2:b 3:a*"},
		"oldest are deleted":               {"a b c d e", "++ + +- +-", "3:c 4:d 5:e*"},
		"earlier spec again at the limit":  {"a b c a d", "++ + = +-", "3:c 4:a 5:d*"},
		"first change missed":              {"a ?b c", "+ +", "1:b 2:c*"},
		"later change missed":              {"a b ?c", "++ +", "1:a 2:b 3:c*"},
		"change and its reversion, missed": {"a b ?b", "++ ", "1:a 2:b*"},
		"first change does not render":     {"a !x b", "+ +", "1:a 2:b*"},
		"later change does not render":     {"a b !x", "++ ", "1:a 2:b 3:x*"},
		"many changes do not render":       {"a b !x !y !z c", "++    +", "1:a 2:b 3:c*"},
		"first spec does not render":       {"!x !y a b", " + +", "1:a 2:b*"},
		"earlier spec after an error":      {"a b !x a", "++  =", "2:b 3:a*"},
		"earlier spec does not render now": {"a b c !a", "++ + ", "1:a* 2:b 3:c"},
	} {
		t.Run(name, func(t *testing.T) {
			stored := cluster{}
			var before, current *v1.NpuDeploy
			var writes []string
			for i, model := range strings.Fields(row.steps) {
				model, missed := strings.CutPrefix(model, "?")
				model, fails := strings.CutPrefix(model, "!")
				current = newDeploy(model, int32(i))
				if missed {
					before = nil
				}
				if i > 0 {
					writes = append(writes, stored.recordChange(t, history.SpecChange{Before: before, After: current, Renders: !fails}, 2))
				}
				before = current
				if fails {
					before = nil
				}
			}
			if got := strings.Join(writes, " "); got != row.writes {
				t.Errorf("the writes are %q, want %q", got, row.writes)
			}
			if got := show(history.All(current, stored.list())); got != row.want {
				t.Errorf("the history is %q, want %q", got, row.want)
			}
		})
	}
}

func TestRevisionHasTheManagerOfTheChange(t *testing.T) {
	stored := cluster{}
	stored.record(t, newDeploy("a", 1), newDeploy("b", 1))
	for _, revision := range history.All(newDeploy("c", 1), stored.list()) {
		if revision.ChangedBy != "kubectl" || revision.ChangedAt.Unix() != 1 {
			t.Errorf("revision %d was changed by %q at %s", revision.Number, revision.ChangedBy, revision.ChangedAt)
		}
	}
}

// withImage returns an NpuDeploy whose spec was last set at a time, in seconds.
func withImage(image string, second int64) *v1.NpuDeploy {
	deploy := newDeploy("a", 1)
	deploy.Spec.InferenceServer.Image = image
	deploy.ManagedFields[0].Time = &metav1.Time{Time: time.Unix(second, 0)}
	return deploy
}

func TestRemovalHasNoManager(t *testing.T) {
	now := time.Unix(100, 0)
	for name, row := range map[string]struct {
		before, after *v1.NpuDeploy
		want          string
	}{
		"set later":              {withImage("one", 1), withImage("two", 2), "kubectl at 2"},
		"set in the same second": {withImage("one", 1), withImage("two", 1), "kubectl at 1"},
		"removed by an apply":    {withImage("one", 1), withImage("", 2), "kubectl at 2"},
		"removed by a patch":     {withImage("one", 1), withImage("", 1), " at 100"},
	} {
		t.Run(name, func(t *testing.T) {
			stored := cluster{}
			change := history.SpecChange{Before: row.before, After: row.after, Renders: true, SeenAt: now}
			change.IsRemoval = !history.IsRecorded(row.before, row.after)
			stored.recordChange(t, change, 10)
			revisions := history.All(row.after, stored.list())
			newest := revisions[len(revisions)-1]
			if got := fmt.Sprintf("%s at %d", newest.ChangedBy, newest.ChangedAt.Unix()); got != row.want {
				t.Errorf("the revision was changed by %s, want %s", got, row.want)
			}
		})
	}
}

func TestRemovalThatIsNotStoredHasNoManager(t *testing.T) {
	stored := cluster{}
	stored.record(t, withImage("one", 1), withImage("two", 2))
	revisions := history.All(withImage("", 2), stored.list())
	if newest := revisions[2]; newest.ChangedBy != "" || newest.ChangedAt != nil {
		t.Errorf("the removal was by %q at %v", newest.ChangedBy, newest.ChangedAt)
	}
	// The controller did not see it.
	change := history.SpecChange{After: withImage("", 2), Renders: true, SeenAt: time.Unix(100, 0)}
	stored.recordChange(t, change, 10)
	revisions = history.All(withImage("", 2), stored.list())
	if newest := revisions[2]; newest.ChangedBy != "" || newest.ChangedAt.Unix() != 100 {
		t.Errorf("the stored removal was by %q at %v", newest.ChangedBy, newest.ChangedAt)
	}
}

func TestRenumberedRevisionLosesTheFormerManager(t *testing.T) {
	stored := cluster{}
	stored.record(t, withImage("", 1), withImage("one", 2))
	change := history.SpecChange{Before: withImage("one", 2), After: withImage("", 2), Renders: true, IsRemoval: true, SeenAt: time.Unix(100, 0)}
	stored.recordChange(t, change, 10)
	revisions := history.All(withImage("", 2), stored.list())
	if newest := revisions[1]; newest.Number != 3 || newest.ChangedBy != "" || newest.ChangedAt.Unix() != 100 {
		t.Errorf("revision %d was changed by %q at %v", newest.Number, newest.ChangedBy, newest.ChangedAt)
	}
}

func TestRevisionsOfOthersAreLeftOut(t *testing.T) {
	stored := cluster{}
	formerA, formerB := newDeploy("a", 1), newDeploy("b", 1)
	formerA.UID, formerB.UID = "former", "former"
	stored.record(t, formerA, formerB)
	if got := stored.record(t, newDeploy("a", 1), newDeploy("b", 1)); got != "++" {
		t.Errorf("the writes are %q", got)
	}
	if got := show(history.All(newDeploy("b", 1), stored.list())); got != "1:a 2:b*" {
		t.Errorf("the history is %q", got)
	}
}

func TestReplicasAreNoChange(t *testing.T) {
	if !history.Equal(&newDeploy("a", 1).Spec, &newDeploy("a", 2).Spec) {
		t.Error("specs that differ in replicas are not equal")
	}
	if !history.Equal(&newDeploy("a", 1).Spec, &v1.NpuDeploySpec{Model: "a"}) {
		t.Error("a spec without replicas is not equal")
	}
}

func TestRestoreKeepsReplicas(t *testing.T) {
	stored := cluster{}
	stored.record(t, newDeploy("a", 1), newDeploy("b", 1))
	revisions := history.All(newDeploy("b", 3), stored.list())
	earlier, err := history.Find(revisions, 0)
	if err != nil {
		t.Fatal(err)
	}
	spec := history.Restore(earlier, &newDeploy("b", 3).Spec)
	if spec.Model != "a" || *spec.InferenceServer.Replicas != 3 {
		t.Errorf("the restored spec has model %q and %d replicas", spec.Model, *spec.InferenceServer.Replicas)
	}
}

func TestRestoreOfScalingLeavesReplicasOut(t *testing.T) {
	scaled := &v1.NpuDeploySpec{Model: "a", Scaling: &v1.Scaling{Max: 2}, InferenceServer: &v1.InferenceServer{Image: "one"}}
	spec := history.Restore(history.Revision{Spec: scaled}, &newDeploy("b", 3).Spec)
	if spec.InferenceServer.Replicas != nil || spec.InferenceServer.Image != "one" {
		t.Errorf("the restored server is %+v", spec.InferenceServer)
	}
}

func TestFind(t *testing.T) {
	stored := cluster{}
	unchanged := history.All(newDeploy("a", 1), stored.list())
	if _, err := history.Find(unchanged, 0); !errors.Is(err, history.ErrNoEarlier) {
		t.Errorf("error %v", err)
	}
	if _, err := history.Find(unchanged, 2); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if found, err := history.Find(unchanged, 1); err != nil || found.Spec.Model != "a" {
		t.Errorf("revision %+v, error %v", found, err)
	}
}

func TestLastChangeIsKeptWithoutManagedFields(t *testing.T) {
	t.Parallel()
	deploy := newDeploy("org/model", 1)
	for range 2 { // An informer may strip an object twice.
		history.KeepLastChange(deploy)
		if by, at := history.LastChange(deploy); by != "kubectl" || at == nil || at.Unix() != 1 || len(deploy.ManagedFields) != 1 {
			t.Errorf("%s at %v, %d entries", by, at, len(deploy.ManagedFields))
		}
	}
}
