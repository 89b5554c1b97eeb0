package rollout_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Servers are updated in waves also if their NpuDeploys do not render: the limits are there for what serves.
func TestServersThatDoNotRenderAreUpdatedInWaves(t *testing.T) {
	f := newFixture(t)

	t.Log("The stored sets are lost, and the next one renders the same manifests: it needs no wave.")
	before := f.templatesOf("web-0")
	f.loseSets()
	f.policy += "\n// A comment.\n"
	f.serve()
	f.start()
	for _, name := range []string{"web-0", "pinned"} {
		deploy := f.NpuDeploy(name)
		f.AwaitObject(deploy, "the next set", func() bool { return deploy.Status.Templates != before })
	}
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	for _, write := range f.controller.Writes(f.Namespace) {
		if !strings.HasSuffix(write, "/status") {
			t.Errorf("the controller sent %s", write)
		}
	}
	if f.Get(f.rollout(1)) {
		t.Error("there is a rollout")
	}

	t.Log("The stored sets are lost. A version of the controller that stored none would have left the same.")
	f.loseSets()
	most := f.followDisruption(v1.ConditionReady)
	f.edit("\tlabels: {}\n", "\tlabels: {\"example.com/set\": \"1\"}\n")
	f.serve()
	f.start()
	f.AwaitCondition(f.NpuDeploy("pinned"), v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonTemplatesUnusable)
	f.AwaitCondition(f.rollout(1), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	if got := f.revisions(); got["2"] != deploys || most() > maxDisrupted || most() == 0 {
		t.Errorf("Deployments by revision: %v, at most %d NpuDeploys were not Ready", got, most())
	}

	t.Log("The controller starts with templates that do not compile, which are then corrected.")
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	f.Must(f.controller.Stop())
	f.edit(`{"example.com/set": "1"}`, `{"example.com/set": }`)
	f.serve()
	f.start()
	for i := range deploys {
		f.AwaitCondition(f.NpuDeploy(fmt.Sprint("web-", i)), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonInvalidTemplate)
	}
	most = f.followDisruption(v1.ConditionAvailable)
	f.edit(`{"example.com/set": }`, `{"example.com/set": "2"}`)
	f.serve()
	f.AwaitCondition(f.rollout(2), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	if got := f.revisions(); got["3"] != deploys || most() > maxDisrupted || most() == 0 {
		t.Errorf("Deployments by revision: %v, at most %d NpuDeploys were not Available", got, most())
	}
	t.Log("The sets are lost again, and the servers of the next one crash: there is no set to return to.")
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	f.loseSets()
	most = f.followDisruption(v1.ConditionAvailable)
	f.edit("vllm.entrypoints.openai.api_server", "vllm.entrypoints.openai.api_serve")
	f.serve()
	f.start()
	f.AwaitCondition(f.rollout(3), v1.ConditionHalted, metav1.ConditionTrue, v1.ReasonDeploysFailed)
	f.AwaitCondition(f.rollout(3), v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonStopped)
	f.edit(`"vllm.entrypoints.openai.api_serve"`, `"vllm.entrypoints.openai.api_server"`)
	f.edit(`{"example.com/set": "2"}`, `{"example.com/set": "3"}`)
	f.serve()
	f.AwaitCondition(f.rollout(4), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	if updated := f.expectOneReplicaSetOf("3"); updated != deploys || most() > maxDisrupted || most() == 0 {
		t.Errorf("%d Deployments are updated, at most %d NpuDeploys were not Available", updated, most())
	}
}

// loseSets stops the controller, and deletes the stored sets.
func (f *fixture) loseSets() {
	f.Helper()
	f.Must(f.controller.Stop())
	f.Must(f.Client.DeleteAllOf(f.Context(), &appsv1.ControllerRevision{}, client.InNamespace(controllerNamespace), client.HasLabels{labelTemplates}))
}
