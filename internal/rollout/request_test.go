package rollout_test

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func condition(kind, reason string, status metav1.ConditionStatus) metav1.Condition {
	return metav1.Condition{Type: kind, Reason: reason, Status: status, Message: "because"}
}

func TestRequestsDependOnTheState(t *testing.T) {
	for name, row := range map[string]struct {
		conditions []metav1.Condition
		aborted    bool
		observed   int64
		state      string
		ended      bool
		patches    map[rollout.Request]string // the others are not applicable
	}{
		"not observed": {
			state: "NotObserved", observed: 2,
			patches: map[rollout.Request]string{rollout.Pause: `{"paused":true}`, rollout.Resume: `{"paused":false}`, rollout.Abort: `{"aborted":true}`},
		},
		"progressing": {
			conditions: []metav1.Condition{condition("Progressing", "Updating", "True"), condition("Halted", "NoFailure", "False"), condition("Complete", "Incomplete", "False")},
			state:      "Updating", observed: 2,
			patches: map[rollout.Request]string{rollout.Pause: `{"paused":true}`, rollout.Resume: `{"paused":false}`, rollout.Abort: `{"aborted":true}`},
		},
		"reverting": {
			conditions: []metav1.Condition{condition("Progressing", "Reverting", "True"), condition("Halted", "DeploysFailed", "True")},
			state:      "Reverting", observed: 2,
			patches: map[rollout.Request]string{
				rollout.Pause: `{"paused":true}`, rollout.Resume: `{"paused":false}`, rollout.Abort: `{"aborted":true}`, rollout.Retry: `{"retries":4}`,
			},
		},
		"halted": {
			conditions: []metav1.Condition{condition("Progressing", "Stopped", "False"), condition("Halted", "DeploysFailed", "True")},
			state:      "Halted", ended: true, observed: 2, patches: map[rollout.Request]string{rollout.Retry: `{"retries":4}`},
		},
		"halted and superseded": {
			conditions: []metav1.Condition{condition("Progressing", "Superseded", "False"), condition("Halted", "DeploysFailed", "True")},
			state:      "Halted", ended: true, observed: 2,
		},
		"halted before the last request": {
			conditions: []metav1.Condition{condition("Progressing", "Stopped", "False"), condition("Halted", "DeploysFailed", "True")},
			state:      "Halted", observed: 1,
			patches: map[rollout.Request]string{
				rollout.Pause: `{"paused":true}`, rollout.Resume: `{"paused":false}`, rollout.Abort: `{"aborted":true}`, rollout.Retry: `{"retries":4}`,
			},
		},
		"aborted": {
			conditions: []metav1.Condition{condition("Progressing", "Stopped", "False"), condition("Halted", "Aborted", "True")},
			aborted:    true, state: "Halted", ended: true, observed: 2,
		},
		"superseded": {conditions: []metav1.Condition{condition("Progressing", "Superseded", "False")}, state: "Superseded", ended: true, observed: 2},
		"complete": {
			conditions: []metav1.Condition{condition("Progressing", "AllUpdated", "False"), condition("Complete", "Complete", "True")},
			state:      "Complete", ended: true, observed: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			current := &v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Aborted: row.aborted, Retries: 3}}
			current.Generation, current.ResourceVersion = 2, "7"
			current.Status = v1.TemplateRolloutStatus{ObservedGeneration: row.observed, Conditions: row.conditions, Retries: 3}
			if got := rollout.StateOf(current); got != row.state {
				t.Errorf("the state is %s, want %s", got, row.state)
			}
			if got := rollout.HasEnded(current); got != row.ended {
				t.Errorf("the rollout has ended: %t, want %t", got, row.ended)
			}
			for _, request := range rollout.Requests() {
				patch, err := request.Patch(current)
				want, applicable := row.patches[request]
				metadata := `{}`
				if request == rollout.Retry {
					metadata = `{"resourceVersion":"7"}`
				}
				switch want = `{"metadata":` + metadata + `,"spec":` + want + `}`; {
				case applicable && (err != nil || string(patch) != want):
					t.Errorf("%s: patch %s, error %v, want %s", request, patch, err, want)
				case !applicable && !errors.Is(err, rollout.ErrNotApplicable):
					t.Errorf("%s: patch %s, error %v", request, patch, err)
				}
			}
		})
	}
}
