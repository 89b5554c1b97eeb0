package rollout_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestUpdateInPlaceIsOneWriteOfEachObjectAndOfTheStatus(t *testing.T) {
	f := newFixture(t)
	f.edit("\tannotations: {}\n", "\tannotations: {\"example.com/note\": \"1\"}\n")
	before := len(f.controller.Writes(f.Namespace))
	f.serve()
	f.AwaitCondition(f.rollout(1), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	writes := map[string]int{}
	for _, write := range f.controller.Writes(f.Namespace)[before:] {
		writes[write]++
	}
	for i := range deploys {
		for _, path := range []string{
			"/api/v1/namespaces/%s/serviceaccounts/%s", "/api/v1/namespaces/%s/services/%s", "/apis/apps/v1/namespaces/%s/deployments/%s",
			"/apis/dudaji.com/v1/namespaces/%s/npudeploys/%s/status",
		} {
			write := "PATCH " + fmt.Sprintf(path, f.Namespace, fmt.Sprint("web-", i))
			if writes[write] != 1 {
				t.Errorf("%d times %s, want 1", writes[write], write)
			}
			delete(writes, write)
		}
	}
	for write := range writes {
		if !strings.Contains(write, "/npudeploys/pinned/") && !strings.HasSuffix(write, "/events") {
			t.Errorf("the controller also sent %s", write)
		}
	}

	t.Log("A controller that is killed between the writes neither repeats one, nor returns to the earlier set.")
	f.edit(`"example.com/note": "1"`, `"example.com/note": "2"`)
	f.serve()
	status := controllertest.Moment{Method: http.MethodPatch, Path: "/status", Body: `"templates-2"`}
	f.killAt(update(), after(update()), status, after(status))
	f.AwaitCondition(f.rollout(2), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	f.expectInPlace("2", 3)

	t.Log("What an earlier version of the controller has recorded before the apply is applied.")
	f.Must(f.controller.Stop())
	second := f.rollout(2)
	f.Get(second)
	f.edit(`"example.com/note": "2"`, `"example.com/note": "3"`)
	f.serve()
	f.start()
	f.controller.KillAt(update())(f.Harness)
	third := f.rollout(3)
	f.Get(third)
	for i := range deploys {
		deploy := f.NpuDeploy(fmt.Sprint("web-", i))
		f.Get(deploy)
		recorded := deploy.DeepCopy()
		recorded.Status.Rollout = &v1.RolloutAssignment{
			Name: third.Name, Templates: third.Spec.Templates, From: second.Spec.Templates, Since: metav1.Now(), WasReady: true,
		}
		f.Must(f.Client.Status().Patch(f.Context(), recorded, client.MergeFrom(deploy)))
	}
	f.start()
	f.AwaitCondition(third, v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	f.expectInPlace("3", 4)
}

// A controller of a new set does not know which of the last one an NpuDeploy has, until it has assigned the new one.
func TestNewLeaderReturnsNothingToAnEarlierSet(t *testing.T) {
	f := newFixture(t)
	f.edit("\tannotations: {}\n", "\tannotations: {\"example.com/note\": \"1\"}\n")
	f.serve()
	f.controller.KillAt(after(update()))(f.Harness)
	f.edit(`"example.com/note": "1"`, `"example.com/note": "2"`)
	f.serve()
	f.start()
	release := f.controller.DelayWatches("templaterollouts")
	defer release()
	f.Kubectl("wait", "templaterollout/templates-2", "--for=create", "--timeout=60s")
	f.controller.AwaitQuiet(f.Harness, f.Namespace, 2*quietTime) // NpuDeploys are reconciled again every two seconds.
	for _, write := range f.controller.Writes(f.Namespace) {
		if !strings.Contains(write, "/npudeploys/") && !strings.HasSuffix(write, "/events") {
			t.Errorf("before its decision, the controller sent %s", write)
		}
	}
	release()
	f.AwaitCondition(f.rollout(2), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
}

// The informer of a controller lags behind the rollouts of the one before.
func TestRolloutFollowsThoseThatTheInformerDoesNotHaveYet(t *testing.T) {
	f := newFixture(t)
	release := f.controller.DelayWatches("templaterollouts")
	defer release()
	f.Must(f.Client.Create(f.Context(), rollout.New("another", 7, "")))
	f.edit("\tannotations: {}\n", "\tannotations: {\"example.com/note\": \"1\"}\n")
	f.serve()
	f.Await("the set to be stored", func() bool { return f.storedSets() == 2 })
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	release()
	f.AwaitCondition(f.rollout(8), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	if f.Get(f.rollout(1)) {
		t.Error("a rollout was created that precedes that of another controller")
	}
}

// expectInPlace checks that all Deployments have the set's note, their first pods, and as many generations as sets.
func (f *fixture) expectInPlace(note string, generation int64) {
	f.Helper()
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	for i := range deploys {
		deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: fmt.Sprint("web-", i)}}
		f.Get(deployment)
		if got := deployment.Annotations["example.com/note"]; got != note || deployment.Generation != generation {
			f.Errorf("%s has the note %s and generation %d, want %s and %d", deployment.Name, got, deployment.Generation, note, generation)
		}
	}
	if got := f.revisions(); got["1"] != deploys {
		f.Errorf("Deployments by revision: %v, want all at 1", got)
	}
}
