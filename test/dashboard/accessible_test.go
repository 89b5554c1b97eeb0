package dashboard_test

import (
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// grouped is a deployment that waits for the devices of its second group, with an available update and a
// second backend.
func grouped() v1.NpuDeployStatus {
	condition := func(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "the message of " + kind, LastTransitionTime: metav1.Now()}
	}
	return v1.NpuDeployStatus{
		ObservedGeneration: 1, ReplicaSummary: "1/2", URL: "https://grouped.nufi.me", Templates: "sha256:0123456789", Image: "example.com/vllm:1",
		Accelerator: &v1.AcceleratorStatus{Type: "atom", Count: 8, Nodes: 2, ResourceName: "rebellions.ai/npu"},
		Conditions: []metav1.Condition{
			condition(v1.ConditionRendered, metav1.ConditionTrue, "Rendered"), condition(v1.ConditionApplied, metav1.ConditionTrue, "Applied"),
			condition(v1.ConditionAvailable, metav1.ConditionFalse, v1.ReasonNoFreeDevice), condition(v1.ConditionEndpoint, metav1.ConditionTrue, "Routed"),
			condition(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonNoFreeDevice), condition(v1.ConditionUpdateAvailable, metav1.ConditionTrue, v1.ReasonUpdateRestarts),
			condition(v1.ConditionPromoted, metav1.ConditionFalse, v1.ReasonRolledBack),
		},
		Update:       &v1.TemplateUpdate{Templates: "sha256:89abcdef", Effect: "Restart"},
		Traffic:      []v1.TrafficStatus{{Name: "grouped", Weight: 2, State: v1.BackendNotReady}, {Name: "canary", Weight: 1, State: v1.BackendMissing}},
		TrafficSteps: &v1.TrafficStepsStatus{Backend: "canary", Share: 33, Reason: "errors"},
	}
}

// createGrouped creates a deployment with two groups of two pods, and a node for the first of them.
func createGrouped(h *harness.Harness) {
	h.Helper()
	h.AddNodes(cluster.Node{
		Name: "npu-node-0", Labels: map[string]string{"rebellions.ai/npu.family": "ATOM"},
		Devices: map[corev1.ResourceName]string{"rebellions.ai/npu": "16"},
	})
	h.AwaitObject(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "default"}}, "its creation", func() bool { return true })
	deploy := h.NpuDeploy("grouped")
	deploy.Spec.Model, deploy.Spec.Accelerator = "org/grouped", &v1.Accelerator{Type: "atom"}
	h.Create(deploy)
	deploy.Status = grouped()
	h.Must(h.Client.Status().Update(h.Context(), deploy))
	for i := range 4 {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: h.Namespace, Name: "grouped-" + strconv.Itoa(i),
			Labels: map[string]string{
				v1.LabelDeploy: "grouped", "leaderworkerset.sigs.k8s.io/group-index": strconv.Itoa(i / 2), "leaderworkerset.sigs.k8s.io/worker-index": strconv.Itoa(i % 2),
			},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deploy, v1.GroupVersion().WithKind(v1.Kind))},
		}}
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		pod.Spec.Containers = []corev1.Container{{Name: "server", Image: "example.com/vllm:1", Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{"rebellions.ai/npu": resource.MustParse("8")},
		}}}
		h.Create(pod)
	}
}

// TestDialogsAndTablesOfADeploymentInEachLook is the first test of the package: no controller writes the
// status of its deployment.
func TestDialogsAndTablesOfADeploymentInEachLook(t *testing.T) {
	h := harness.New(t)
	h.Install("bundle/rbac/user_roles.yaml", "bundle/rbac/project_roles.yaml")
	h.Bind("nufi-project-editor", h.Namespace, "eve")
	createGrouped(h)
	h.AwaitAllowed(harness.User{Name: "eve"}, "create dudaji.com/npudeploys", h.Namespace)
	s := apitest.Start(h)
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "eve", look)
			tab.visit("/")
			tab.await(`document.querySelector("#deployment-` + h.Namespace + `-grouped .state.Pending")`)
			tab.visit("/deployments/" + h.Namespace + "/grouped")
			tab.await(`document.querySelectorAll("#backends tbody tr").length === 2 && document.querySelectorAll("main tbody .state.Pending").length === 2 &&
				document.querySelector(".shortage .holders a[href*=grouped]")`)
			tab.wantAccessible()
			dialogs := eval[[]string](tab, `[...document.querySelectorAll("[popover]")].map((dialog) => dialog.id)`)
			if len(dialogs) != 5 { // update, restart, scale, delete and the keys
				t.Errorf("the dialogs are %v", dialogs)
			}
			for _, id := range dialogs {
				eval[bool](tab, `document.getElementById("`+id+`").showPopover() === undefined`)
				tab.wantAccessible("#" + id)
			}
			tab.wantNoReports()
		})
	}
	// A deployment with other templates would begin a rollout.
	h.Delete(h.NpuDeploy("grouped"))
	h.AwaitGone(h.NpuDeploy("grouped"))
	h.Delete(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "npu-node-0"}})
}
