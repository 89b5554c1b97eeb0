package scaling_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestReplicasAreHandedToKEDAAndBack(t *testing.T) {
	f := newFixture(t)
	f.apply(onOneNode, "inferenceServer: {replicas: 3}")
	f.awaitReady(3)
	least := f.watchLeast()
	f.measure("vllm:num_requests_running", 24)
	f.scale(onOneNode, "min: 1, max: 6")
	f.awaitReason("HPAActive", "HPAActive")
	f.awaitPolls(1)
	f.awaitReady(3)

	f.measure("vllm:num_requests_running", 40)
	f.awaitReady(5)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionTrue, v1.ReasonScaling)
	labels := f.Find(autoscaler, "keda-hpa-web").GetLabels()
	if labels["app.kubernetes.io/managed-by"] != "keda-operator" || labels["dudaji.com/npudeploy"] != "" {
		t.Errorf("the labels of KEDA's autoscaler are %v", labels)
	}

	f.apply(onOneNode)
	f.AwaitGone(f.Object(scaledObject, "web"))
	f.AwaitGone(f.Object(autoscaler, "keda-hpa-web"))
	f.awaitReady(5)
	if got := least(); got != 3 {
		t.Errorf("the Deployment had %d replicas meanwhile", got)
	}
}

func TestGroupsAreHandedToKEDAAndBack(t *testing.T) {
	f := newFixture(t)
	f.measure("vllm:num_requests_running", 8)
	f.scale(onTwoNodes, "min: 1, max: 4")
	set := f.Object(groups, "web-lws")
	f.awaitReadyOf(set, 1)
	f.measure("vllm:num_requests_running", 16)
	f.awaitReadyOf(set, 2)
	f.apply(onTwoNodes)
	f.AwaitGone(f.Object(scaledObject, "web"))
	f.AwaitGone(f.Object(autoscaler, "keda-hpa-web"))
	f.awaitReadyOf(set, 2)
}

// watchLeast returns a function that returns the least number of replicas that the Deployment has had since.
func (f fixture) watchLeast() func() int32 {
	f.Helper()
	events, err := f.Client.Watch(f.Context(), &appsv1.DeploymentList{}, client.InNamespace(f.Namespace))
	f.Must(err)
	least := make(chan int32, 1)
	go func() {
		numbers := []int32{}
		for event := range events.ResultChan() {
			if deployment, ok := event.Object.(*appsv1.Deployment); ok && event.Type != watch.Deleted {
				numbers = append(numbers, *deployment.Spec.Replicas)
			}
		}
		least <- slices.Min(numbers)
	}()
	return func() int32 {
		events.Stop()
		return <-least
	}
}

// KEDA writes its status at each poll, and a label and a finalizer once. None of it makes the controller write.
func TestControllerAndKEDADoNotOverwriteEachOther(t *testing.T) {
	f := newFixture(t)
	f.measure("vllm:num_requests_running", 16)
	f.scale(onOneNode, "min: 1, max: 6")
	f.awaitReady(2)
	f.awaitPolls(1)
	f.AwaitQuiet(f.Harness, f.Namespace, 500*time.Millisecond)
	applied := f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
	if want := `all manifests are in place; ScaledObject web also has spec.pollingInterval of "gitops"`; applied.Message != want {
		t.Errorf("the message of Applied is %s", applied.Message)
	}
	generations := func() [3]int64 {
		return [3]int64{
			f.Find(scaledObject, "web").GetGeneration(), f.Find(autoscaler, "keda-hpa-web").GetGeneration(), f.Find(deployment, "web").GetGeneration(),
		}
	}
	writes, before := len(f.Writes(f.Namespace)), generations()
	f.awaitPolls(3)
	if after := generations(); after != before {
		t.Errorf("the generations of ScaledObject, autoscaler and Deployment went from %v to %v", before, after)
	}
	if more := f.Writes(f.Namespace)[writes:]; len(more) > 0 {
		t.Errorf("the controller sent %s", strings.Join(more, ", "))
	}

	f.Kubectl("scale", "deployment/web", "-n", f.Namespace, "--replicas=0")
	f.awaitReady(2)
}

func TestLastPodIsRemovedAndAWaitingRequestStartsOne(t *testing.T) {
	f := newFixture(t)
	f.scale(onOneNode, "min: 0, max: 4")
	f.awaitReady(1)
	// Without a request so far, the server has the time of its first start.
	f.awaitReason("Active", "ScalerCooldown")

	f.measure("waiting", 1)
	f.awaitReason("Active", "ScalerActive")
	f.measure("waiting", 0)
	f.awaitReady(0)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionTrue, v1.ReasonScaling)

	f.measure("waiting", 1)
	f.awaitReady(1)
	f.measure("vllm:num_requests_running", 16)
	f.awaitReady(2)

	f.Delete(f.NpuDeploy("web"))
	for _, object := range []client.Object{
		f.NpuDeploy("web"), f.Object(scaledObject, "web"), f.Object(autoscaler, "keda-hpa-web"), f.Object(deployment, "web"),
	} {
		f.AwaitGone(object)
	}
}

func TestNumberStaysWhilePrometheusDoesNotAnswer(t *testing.T) {
	f := newFixture(t)
	f.measure("waiting", 1)
	f.scale(onOneNode, "min: 0, max: 4")
	f.awaitReady(1)
	f.awaitPolls(1)
	f.measure("waiting", -1)
	f.measure("vllm:num_requests_running", -1)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionFalse, v1.ReasonScalingFailed)
	active, err := time.Parse(time.RFC3339, lastActive(f.Find(scaledObject, "web")))
	f.Must(err)
	f.Await("the time without requests to pass", func() bool { return time.Since(active) > idle+2*time.Second })
	f.awaitReady(1)

	f.measure("waiting", 0)
	f.measure("vllm:num_requests_running", 0)
	f.awaitReady(0)
}

// A metric that Prometheus does not have is no load of 0.
func TestNumberStaysWhileTheMetricIsMissing(t *testing.T) {
	f := newFixture(t)
	f.measure("vllm:num_requests_running", 16)
	f.scale(onOneNode, "min: 1, max: 4")
	f.awaitReady(2)
	f.forget("vllm:num_requests_running")
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionFalse, v1.ReasonScalingFailed)
	f.measure("vllm:num_requests_running", 16)
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionTrue, v1.ReasonScaling)
	f.awaitReady(2)

	f.forget("vllm:num_requests_running")
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionFalse, v1.ReasonScalingFailed)
	f.Kubectl("scale", "deployment/web", "-n", f.Namespace, "--replicas=0")
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionFalse, v1.ReasonScalingDisabled)
}
