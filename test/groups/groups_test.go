package groups_test

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Workloads(), harness.Routes(), harness.With(cluster.LWS), harness.With(cluster.KubeRay))
}

var shared = controllertest.Shared{Options: options}

var setKind = schema.GroupVersionKind{Group: "leaderworkerset.x-k8s.io", Version: "v1", Kind: "LeaderWorkerSet"}

const devices = corev1.ResourceName("nvidia.com/gpu")

// fixture is an NpuDeploy whose replicas span two nodes, on nodes of its own with 8 GPUs.
type fixture struct{ *harness.Harness }

func newFixture(t *testing.T, nodes ...string) fixture {
	t.Helper()
	f := fixture{harness.New(t)}
	shared.Start(f.Harness)
	f.addNodes(nodes...)
	return f
}

func (f fixture) addNodes(names ...string) {
	f.Helper()
	f.addNodesWith("8", names...)
}

// addNodesWith adds nodes with so many GPUs each.
func (f fixture) addNodesWith(gpus string, names ...string) {
	f.Helper()
	for _, name := range names {
		f.AddNodes(cluster.Node{
			Name: f.Namespace + "-" + name, Labels: map[string]string{"test": f.Namespace},
			Devices: map[corev1.ResourceName]string{devices: gpus},
		})
	}
}

// apply applies the NpuDeploy, with more fields of inferenceServer.
func (f fixture) apply(fields string) {
	f.Helper()
	f.applyWith("", fields)
}

// applyWith applies the NpuDeploy with more lines of the spec, and more fields of inferenceServer.
func (f fixture) applyWith(lines, fields string) {
	f.Helper()
	f.Apply(`
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: web}
spec:
  model: a/b
  accelerator: {type: nvidia, count: 4, nodes: 2}
` + lines + `  inferenceServer: {nodeSelector: {test: NAMESPACE}` + fields + `}
`)
}

func (f fixture) deploy() *v1.NpuDeploy { return f.NpuDeploy("web") }

func TestGroupServesFromSeveralNodes(t *testing.T) {
	f := newFixture(t, "a")
	f.apply("")
	f.AwaitReady("web", "1/1")
	deploy := f.deploy()
	f.Get(deploy)
	if deploy.Status.Accelerator.Nodes != 2 || deploy.Status.Parallelism.Pipeline != 2 {
		t.Errorf("status is %+v, %+v", deploy.Status.Accelerator, deploy.Status.Parallelism)
	}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "web"}}
	f.Get(service)
	var selected corev1.PodList
	f.Must(f.Client.List(t.Context(), &selected, client.InNamespace(f.Namespace), client.MatchingLabels(service.Spec.Selector)))
	if len(selected.Items) != 1 || selected.Items[0].Name != "web-lws-0" || len(f.Pods()) != 2 {
		t.Errorf("the Service selects %d of %d pods", len(selected.Items), len(f.Pods()))
	}
	// Fields that the webhook of LeaderWorkerSet adds cause no second write.
	if generation := f.Find(setKind, "web-lws").GetGeneration(); generation != 1 {
		t.Errorf("the set has generation %d", generation)
	}
	for _, variable := range selected.Items[0].Spec.Containers[0].Env {
		if variable.Name == "LWS_LEADER_ADDRESS" && !strings.HasPrefix(variable.Value, "web-lws-0.web-lws.") {
			t.Errorf("the leader's address is %s", variable.Value)
		}
	}
}

func TestGroupsAreScaledAndOneWithoutDevicesIsReported(t *testing.T) {
	f := newFixture(t, "a")
	f.apply("")
	f.AwaitReady("web", "1/1")
	f.Kubectl("scale", "npudeploy", "web", "-n", f.Namespace, "--replicas=2")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonNoFreeDevice)
	deploy := f.deploy()
	f.AwaitObject(deploy, "the number of ready groups", func() bool { return deploy.Status.ReplicaSummary == "1/2" })
	f.addNodes("b")
	f.AwaitReady("web", "2/2")
	f.Kubectl("scale", "npudeploy", "web", "-n", f.Namespace, "--replicas=0")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)
}

func TestQuotaOfAGroupIsReported(t *testing.T) {
	f := newFixture(t, "a")
	f.Apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: pods}\nspec: {hard: {pods: '1'}}\n")
	f.apply("")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonQuotaExceeded)
	deploy := f.deploy()
	f.Get(deploy)
	if available := f.Condition(deploy, v1.ConditionAvailable); !strings.Contains(available.Message, "exceeded quota: pods, requested: pods=1") {
		t.Errorf("the message is %s", available.Message)
	}
}

func TestChangedTemplateReplacesGroups(t *testing.T) {
	f := newFixture(t, "a")
	f.apply("")
	f.AwaitReady("web", "1/1")
	before := f.PodNames()
	f.apply(", args: [--max-model-len, '4096']")
	f.Await("all pods to be replaced", func() bool {
		for uid := range f.PodNames() {
			if before[uid] != "" {
				return false
			}
		}
		return true
	})
	f.AwaitReady("web", "1/1")
}

// A pod of a group that is lost takes its group with it: the NpuDeploy is not Ready meanwhile.
func TestLostWorkerRecreatesItsGroup(t *testing.T) {
	f := newFixture(t, "a")
	f.apply("")
	f.AwaitReady("web", "1/1")
	before := f.PodNames()
	f.Delete(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "web-lws-0-1"}})
	f.Await("the leader to be replaced", func() bool {
		for uid, name := range f.PodNames() {
			if name == "web-lws-0" && before[uid] == "" {
				return true
			}
		}
		return false
	})
	f.AwaitReady("web", "1/1")
}

func TestReplicasOnOneNodeBecomeGroupsAndBack(t *testing.T) {
	f := newFixture(t, "a", "b")
	manifest := func(nodes string) string {
		return "apiVersion: dudaji.com/v1\nkind: NpuDeploy\nmetadata: {name: web}\n" +
			"spec: {model: a/b, accelerator: {type: nvidia, count: 4" + nodes + "}, inferenceServer: {nodeSelector: {test: NAMESPACE}}}\n"
	}
	deployment := schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	f.Apply(manifest(""))
	f.AwaitReady("web", "1/1")
	f.Apply(manifest(", nodes: 2"))
	f.AwaitGone(f.Object(deployment, "web"))
	f.AwaitReady("web", "1/1")
	f.Apply(manifest(""))
	f.AwaitGone(f.Object(setKind, "web-lws"))
	f.AwaitReady("web", "1/1")
}

func TestReplicasAreHandedOverToAnAutoscaler(t *testing.T) {
	f := newFixture(t, "a", "b")
	f.apply(", replicas: 2")
	f.AwaitReady("web", "2/2")
	f.apply("")
	f.AwaitReady("web", "2/2")
	f.Kubectl("scale", "leaderworkerset", "web-lws", "-n", f.Namespace, "--replicas=1")
	f.AwaitReady("web", "1/1")
	set := f.Find(setKind, "web-lws")
	if replicas, _, _ := unstructured.NestedInt64(set.Object, "spec", "replicas"); replicas != 1 {
		t.Errorf("the set has %d replicas", replicas)
	}
}

func TestAPIServerListsThePodsOfGroups(t *testing.T) {
	f := newFixture(t, "a")
	f.apply("")
	f.AwaitReady("web", "1/1")
	f.Install("bundle/rbac/project_roles.yaml")
	f.Bind("nufi-project-viewer", f.Namespace, "vic")
	f.AwaitAllowed(harness.User{Name: "vic"}, "list leaderworkerset.x-k8s.io/leaderworkersets", f.Namespace)
	s := apitest.Start(f.Harness)
	var list struct {
		Total int
		Pods  []struct {
			Name   string
			Reason string
		}
	}
	s.Do("vic", http.MethodGet, "/api/v1/namespaces/NAMESPACE/npudeploys/web/pods", "").Want(http.StatusOK).Decode(&list)
	if list.Total != 2 || len(list.Pods) != 2 || list.Pods[0].Reason != v1.ReasonReady {
		t.Errorf("the pods are %+v", list)
	}
}
