package controller_test

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestPausedDeploymentIsNotReady(t *testing.T) {
	f := newReady(t)
	image := f.web().Status.Image
	f.Patch(f.Find(deployment, "web"), `{"spec":{"paused":true}}`)
	f.Apply(replace("{replicas: 1}", "{replicas: 1, image: example.com/vllm:2}"))
	web := f.NpuDeploy("web")
	f.AwaitObject(web, "the advice to resume", func() bool {
		ready := f.Condition(web, v1.ConditionReady)
		return ready != nil && ready.Status == metav1.ConditionFalse &&
			strings.Contains(ready.Message, "kubectl rollout resume deployment/web")
	})
	if got := f.web().Status.Image; got != image {
		t.Errorf("status.image is %s while %s runs", got, image)
	}
	f.Patch(f.Find(deployment, "web"), `{"spec":{"paused":null}}`)
	f.settle()
	if got := f.web().Status.Image; got != "example.com/vllm:2" {
		t.Errorf("status.image is %s after the rollout", got)
	}
}

// The API server counts a changed annotation of a Deployment as a generation.
func TestAnnotatedDeploymentStaysReady(t *testing.T) {
	f := newReady(t)
	f.denyStatusOfDeployments()
	f.Patch(f.Find(deployment, "web"), `{"metadata":{"annotations":{"example.com/seen":"yes"}}}`)
	f.AwaitQuiet(f.Harness, f.Namespace, soon)
	if ready := f.Condition(f.web(), v1.ConditionReady); ready.Status != metav1.ConditionTrue {
		t.Errorf("ready is %s: %s", ready.Status, ready.Message)
	}
	f.Patch(f.Find(deployment, "web"), `{"spec":{"minReadySeconds":1}}`)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonProgressing)
}

// denyStatusOfDeployments keeps the Deployment's controller from observing a generation.
func (f *fixture) denyStatusOfDeployments() {
	f.Helper()
	name := metav1.ObjectMeta{Name: f.Namespace}
	f.Create(&admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: name,
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments/status"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: "false"}},
		},
	})
	f.Create(&admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: name,
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": f.Namespace},
			}},
		},
	})
	f.Await("the policy", func() bool {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"replicas":9}}`))
		return f.Client.Status().Patch(f.Context(), f.Find(deployment, "web"), patch, client.DryRunAll) != nil
	})
}

func TestRemovedStatusIsRestored(t *testing.T) {
	f := newReady(t)
	f.Must(f.Client.Status().Patch(t.Context(), f.web(), client.RawPatch(types.MergePatchType, []byte(`{"status":null}`))))
	f.settle()
	f.Apply(replace("  endpoint: {host: web.NAMESPACE.example, kind: VirtualService}\n", "  endpoint: {kind: None}\n"))
	f.AwaitGone(f.Object(virtualService, "web"))
}

func TestDeletingDeployKeepsItsHostUntilTheRouteIsDeleted(t *testing.T) {
	for _, propagation := range []metav1.DeletionPropagation{
		metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
	} {
		t.Run(string(propagation), func(t *testing.T) {
			f := newReady(t)
			f.AwaitNewer(f.web())
			f.Apply(replace("name: web}", "name: late}"))
			f.AwaitCondition(f.NpuDeploy("late"), v1.ConditionEndpoint, metav1.ConditionFalse, v1.ReasonHostTaken)
			f.Patch(f.Find(virtualService, "web"), `{"metadata":{"finalizers":["example.com/hold"]}}`)
			f.Delete(f.web(), client.PropagationPolicy(propagation))
			if propagation != metav1.DeletePropagationForeground {
				f.AwaitGone(f.NpuDeploy("web"))
			}
			if propagation == metav1.DeletePropagationOrphan {
				f.AwaitQuiet(f.Harness, f.Namespace, soon)
				f.Delete(f.Find(virtualService, "web"))
			}
			route := f.Object(virtualService, "web")
			f.AwaitObject(route, "its deletion", func() bool { return route.GetDeletionTimestamp() != nil })
			f.AwaitQuiet(f.Harness, f.Namespace, soon)
			late := f.NpuDeploy("late")
			f.Get(late)
			endpoint := f.Condition(late, v1.ConditionEndpoint)
			if f.Find(virtualService, "late") != nil || !strings.Contains(endpoint.Message, "/web, which was deleted and still has a route") {
				t.Errorf("two routes for one host, or the message %q", endpoint.Message)
			}
			f.Patch(route, `{"metadata":{"finalizers":null}}`)
			f.AwaitCondition(late, v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
		})
	}
}

func TestAddedContainerIsReported(t *testing.T) {
	f := newReady(t)
	f.Must(f.Client.Patch(t.Context(), f.Find(deployment, "web"), client.RawPatch(types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"debug","image":"debug"}]}}}}`)), client.FieldOwner("kubectl-patch")))
	web := f.NpuDeploy("web")
	f.AwaitObject(web, "the container to be reported", func() bool {
		applied := f.Condition(web, v1.ConditionApplied)
		return applied.Status == metav1.ConditionTrue &&
			strings.HasSuffix(applied.Message, `; Deployment web also has spec.template.spec.containers[debug] of "kubectl-patch"`)
	})
}

func TestFinalizersOfADeletingDeployAreReported(t *testing.T) {
	f := newReady(t)
	f.Patch(f.web(), `{"metadata":{"finalizers":["example.com/hold"]}}`)
	f.Delete(f.web())
	condition := f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonTerminating)
	if !strings.Contains(condition.Message, "example.com/hold") {
		t.Errorf("message %q", condition.Message)
	}
	f.Patch(f.web(), `{"metadata":{"finalizers":null}}`)
}

func TestColumnReplicasHasReadyAndDesired(t *testing.T) {
	f := newReady(t)
	f.Apply(replace("replicas: 1", "replicas: 2"))
	f.settle()
	if got := f.web().Status.ReplicaSummary; got != "2/2" {
		t.Errorf("status.replicaSummary is %q, want 2/2", got)
	}
	if table := f.Kubectl("get", "npudeploy", "web", "-n", f.Namespace); !strings.Contains(table, " 2/2 ") {
		t.Errorf("the table has no 2/2:\n%s", table)
	}
}
