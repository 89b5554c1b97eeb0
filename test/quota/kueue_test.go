package quota_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestPodsOfADeploymentWaitForQuota(t *testing.T) {
	f := newFixture(t, "a", "b")
	f.setQuota(4)
	f.apply(", replicas: 2", onOneNode)
	f.awaitQueued("web", "waits for admission by queue gpus: couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu")
	f.Await("one pod to be placed", func() bool { return len(f.placed()) == 1 })
	f.awaitNoWrites()
	f.setQuota(8)
	f.AwaitReady("web", "2/2")

	before := f.PodNames()
	f.apply(", replicas: 2, env: [{name: A, value: b}]", onOneNode)
	f.awaitReplaced(before)
	f.AwaitReady("web", "2/2")
	f.awaitNoWrites()
	if generation := f.Find(deployment, "web").GetGeneration(); generation != 2 {
		t.Errorf("the Deployment has generation %d", generation)
	}
	f.Delete(f.NpuDeploy("web"))
	f.awaitNothingLeft()
}

func TestGroupIsAdmittedAsAWhole(t *testing.T) {
	f := newFixture(t, "a", "b")
	f.setQuota(4)
	f.apply("", onTwoNodes)
	f.awaitQueued("web", "1 of 1 groups, the leader of group 0, web-lws-0: waits for admission by queue gpus: couldn't assign flavors to pod set worker")
	f.awaitNoWrites()
	if placed := f.placed(); len(placed) > 0 {
		t.Errorf("%v have a node", placed)
	}
	f.setQuota(8)
	f.AwaitReady("web", "1/1")

	before := f.PodNames()
	f.apply(", env: [{name: A, value: b}]", onTwoNodes)
	f.awaitReplaced(before)
	f.AwaitReady("web", "1/1")
	before = f.PodNames()
	f.Kubectl("delete", "pod", "web-lws-0-1", "-n", f.Namespace)
	f.awaitReplaced(before)
	f.AwaitReady("web", "1/1")

	before = f.PodNames()
	f.Kubectl("scale", "npudeploy", "web", "-n", f.Namespace, "--replicas=2")
	f.awaitQueued("web", "1 of 2 groups, the leader of group 1, web-lws-1: waits for admission by queue gpus")
	f.setQuota(16)
	f.AwaitReady("web", "2/2")
	f.awaitNoWrites()
	f.requireKept(before)
	f.Delete(f.NpuDeploy("web"))
	f.awaitNothingLeft()
}

// Kueue rejects other devices for a group that it has admitted, unless its LeaderWorkerSet is created again.
func TestRejectedDevicesOfAGroupAreAppliedToANewOne(t *testing.T) {
	f := newFixture(t, "a")
	f.setQuota(8)
	f.apply("", onTwoNodes)
	f.AwaitReady("web", "1/1")
	before := f.PodNames()
	f.apply("", "accelerator: {type: nvidia, count: 2, nodes: 2}")
	rejected := f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonRejected)
	if !strings.Contains(rejected.Message, "resources.requests: Invalid value") || !strings.Contains(rejected.Message, "field is immutable") {
		t.Errorf("the message is %s", rejected.Message)
	}
	f.requireKept(before)
	f.Delete(f.Object(groups, "web-lws"))
	f.awaitReplaced(before)
	f.AwaitReady("web", "1/1")
}

// Kueue's webhook rejects another queue, and no queue, for a LeaderWorkerSet that is ready.
func TestTemplatesThatChangeTheQueueOfALiveGroupAreRejected(t *testing.T) {
	f := newFixtureAlone(t, "a")
	f.setQuota(8)
	f.apply("", onTwoNodes)
	f.AwaitReady("web", "1/1")
	t.Cleanup(func() { f.Must(writePolicy("gpus")) })
	for i, queue := range []string{"other", ""} {
		f.Must(writePolicy(queue))
		f.Await("the rejection", func() bool { return f.Metric(f.Harness, "nufi_templates_rejected_total") == float64(i+1) })
	}
	if generation := f.Find(groups, "web-lws").GetGeneration(); generation != 1 {
		t.Errorf("the LeaderWorkerSet has generation %d", generation)
	}
}

func TestMissingAndStoppedQueuesAreReported(t *testing.T) {
	f := newFixture(t, "a")
	f.apply("", onOneNode)
	f.awaitQueued("web", "waits for admission by queue gpus: LocalQueue gpus doesn't exist")
	f.setQuota(8, "stopPolicy: Hold")
	f.awaitQueued("web", "ClusterQueue "+f.Namespace+" is inactive")
	f.setQuota(8, "stopPolicy: None")
	f.AwaitReady("web", "1/1")
	before := f.PodNames()
	f.setQuota(8, "stopPolicy: HoldAndDrain")
	f.awaitReplaced(before)
	f.awaitQueued("web", "ClusterQueue "+f.Namespace+" is inactive")
	f.setQuota(8, "stopPolicy: None")
	f.AwaitReady("web", "1/1")
}

func TestAdmissionCheckThatIsNotReadyIsReported(t *testing.T) {
	f := newFixture(t, "a")
	f.Apply("apiVersion: kueue.x-k8s.io/v1beta2\nkind: AdmissionCheck\nmetadata: {name: NAMESPACE}\nspec: {controllerName: example.com/budget}\n")
	f.Kubectl("patch", "admissioncheck", f.Namespace, "--subresource=status", "--type=merge", "--patch", `{"status": {"conditions": [
		{"type": "Active", "status": "True", "reason": "Active", "message": "", "lastTransitionTime": "2026-03-01T12:00:00Z"}]}}`)
	f.setQuota(8, "admissionChecksStrategy: {admissionChecks: [{name: NAMESPACE}]}")
	f.apply("", onOneNode)
	f.awaitQueued("web", "waits for admission by queue gpus: quota is reserved; waits for admission check "+f.Namespace)
}

func TestPreemptedServersWaitForQuota(t *testing.T) {
	f := newFixture(t, "a", "b")
	f.setQuota(8, "preemption: {withinClusterQueue: LowerPriority}")
	f.Apply("apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: NAMESPACE}\nvalue: 1000\n")
	f.apply("", onOneNode)
	f.applyAs("groups", "", "accelerator: {type: nvidia, count: 2, nodes: 2}")
	f.AwaitReady("web", "1/1")
	f.AwaitReady("groups", "1/1")
	f.applyAs("urgent", ", priorityClassName: "+f.Namespace, onTwoNodes)
	f.AwaitReady("urgent", "1/1")
	f.awaitQueued("web", "waits for admission by queue gpus")
	f.awaitQueued("groups", "waits for admission by queue gpus")
	f.awaitNoWrites()
	f.Delete(f.NpuDeploy("urgent"))
	f.AwaitReady("web", "1/1")
	f.AwaitReady("groups", "1/1")
}

func TestPrefillWaitsForQuota(t *testing.T) {
	f := newFixture(t, "a")
	f.setQuota(4)
	f.apply("", onOneNode, "prefill: {replicas: 1}", "endpoint: {kind: InferencePool, host: web.NAMESPACE.example}")
	f.awaitQueued("web", "1 of 1 pods, web-")
	f.setQuota(8)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionAvailable, metav1.ConditionTrue, v1.ReasonAvailable)
}

func TestPodsOfARayServiceWaitForQuota(t *testing.T) {
	f := newFixture(t, "a")
	f.setQuota(4)
	f.apply("", onTwoNodes, "parallelism: {workload: RayService}")
	f.awaitQueued("web", "1 of 3 pods, web-")
	f.awaitQueued("web", ": couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu")
	f.awaitQueued("web", " holds 4 of its 8 nvidia.com/gpu, which are released at ")
	f.setQuota(8)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionAvailable, metav1.ConditionTrue, v1.ReasonAvailable)
}

// A server without devices is replaced by one that is created first, for which there is no quota.
func TestSurgePodWaitsForQuotaWhileTheOldOneServes(t *testing.T) {
	f := newFixture(t, "a")
	f.setQuota(0)
	f.setClusterQueue(3, 0)
	f.apply(", image: 'vllm/vllm-openai-cpu:v0.11.0'")
	f.AwaitReady("web", "1/1")
	f.apply(", image: 'vllm/vllm-openai-cpu:v0.11.1'")
	f.awaitQueued("web", "insufficient unused quota for cpu")
	deploy := f.NpuDeploy("web")
	f.Get(deploy)
	if message := f.Condition(deploy, v1.ConditionAvailable).Message; !strings.HasSuffix(message, "; 1 pod of an earlier revision still serving") {
		t.Errorf("the message is %s", message)
	}
	f.setClusterQueue(4, 0)
	f.AwaitReady("web", "1/1")
}
