package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestEvaluateProjectFollowsItsOutcomes(t *testing.T) {
	rendered := status.Outcome{Reason: v1.ReasonRendered}
	for name, c := range map[string]struct {
		observed  status.ObservedProject
		want      []string // type, status, reason
		namespace string
	}{
		"in place": {
			status.ObservedProject{Outcomes: status.Outcomes{Render: rendered, Apply: status.Outcome{Reason: v1.ReasonApplied}, OwnsNamespace: true}},
			[]string{"Ready True Ready", "Rendered True Rendered", "Applied True Applied"}, "team",
		},
		"invalid spec": {
			status.ObservedProject{Outcomes: status.Outcomes{Render: status.Outcome{Reason: v1.ReasonInvalidSpec, Message: "spec.quota.cpu: must not be negative"}}},
			[]string{"Ready False InvalidSpec", "Rendered False InvalidSpec", "Applied False NotRendered", "Stalled True InvalidSpec"}, "before",
		},
		"unavailable API server": {
			status.ObservedProject{Outcomes: status.Outcomes{Render: rendered, Apply: status.Outcome{Reason: v1.ReasonApplyFailed}}},
			[]string{"Ready False ApplyFailed", "Rendered True Rendered", "Applied False ApplyFailed"}, "before",
		},
		"namespace of another owner": {
			status.ObservedProject{Outcomes: status.Outcomes{Render: rendered, Apply: status.Outcome{Reason: v1.ReasonConflict}}},
			[]string{"Ready False Conflict", "Rendered True Rendered", "Applied False Conflict"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.observed.Project = &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: "team"}, Status: v1.ProjectStatus{Namespace: "before"}}
			c.observed.Project.Generation, c.observed.Now = 3, time.Unix(1000, 0)
			got := status.EvaluateProject(c.observed)
			if diff := cmp.Diff(c.want, conditionWords(got.Conditions)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Namespace != c.namespace || got.ObservedGeneration != 3 {
				t.Errorf("namespace %q of generation %d", got.Namespace, got.ObservedGeneration)
			}
			c.observed.Project = &v1.Project{ObjectMeta: c.observed.Project.ObjectMeta, Status: got}
			if diff := cmp.Diff(got, status.EvaluateProject(c.observed)); diff != "" {
				t.Errorf("evaluating again (-first +second):\n%s", diff)
			}
		})
	}
}

func conditionWords(conditions []metav1.Condition) []string {
	words := make([]string, 0, len(conditions))
	for _, c := range conditions {
		words = append(words, c.Type+" "+string(c.Status)+" "+c.Reason)
	}
	return words
}
