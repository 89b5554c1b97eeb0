package controller_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

var autoscaler = schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}

// scaledBy is the manifest with an autoscaler in place of replicas.
func scaledBy(scaling string) string {
	return replace("inferenceServer: {replicas: 1}", "scaling: {"+scaling+", metric: RunningRequests, target: 8}")
}

// watchReplicas returns a function that waits until the Deployment has the last number of replicas, and
// returns the distinct numbers that it had, in order.
func (f *fixture) watchReplicas(last int32) func() []int32 {
	f.Helper()
	events, err := f.Client.Watch(f.Context(), &appsv1.DeploymentList{}, client.InNamespace(f.Namespace))
	f.Must(err)
	numbers := make(chan []int32, 1)
	go func() {
		var seen []int32
		for event := range events.ResultChan() {
			if deployment, ok := event.Object.(*appsv1.Deployment); ok && event.Type != watch.Deleted {
				seen = append(seen, *deployment.Spec.Replicas)
				if seen[len(seen)-1] == last {
					events.Stop()
				}
			}
		}
		numbers <- slices.Compact(seen)
	}()
	return func() []int32 { return <-numbers }
}

func (f *fixture) awaitDesired(replicas int64) {
	f.Helper()
	object := f.Object(deployment, "web")
	f.AwaitObject(object, fmt.Sprintf("%d desired replicas", replicas), func() bool {
		return object.Object["spec"].(map[string]any)["replicas"] == replicas
	})
}

// Kubernetes' own autoscaler runs. No metric is served: it only keeps the number between min and max.
func TestReplicasAreHandedToAnAutoscalerAndBack(t *testing.T) {
	f := newFixture(t)
	f.Apply(replace("replicas: 1", "replicas: 3"))
	f.settle()
	numbers := f.watchReplicas(5)

	f.Apply(scaledBy("min: 2, max: 6"))
	f.AwaitObject(f.Object(autoscaler, "web"), "exists", func() bool { return true })
	f.settle()
	f.Apply(scaledBy("min: 4, max: 6"))
	f.awaitDesired(4)
	f.settle()
	f.Apply(replace("inferenceServer: {replicas: 1}", "updates: Automatic"))
	f.AwaitGone(f.Object(autoscaler, "web"))
	f.settle()
	f.Apply(replace("replicas: 1", "replicas: 5"))
	f.awaitDesired(5)

	if got, want := numbers(), []int32{3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("the Deployment had %v replicas, want %v", got, want)
	}
}

// The autoscaler does nothing at 0, and neither does the controller. It corrects any other number.
func TestScalingBesideTheAutoscalerIsReportedAndNotReverted(t *testing.T) {
	f := newFixture(t)
	f.Apply(scaledBy("min: 2, max: 6"))
	f.settle()
	f.awaitDesired(2)
	f.Kubectl("scale", "deployment/web", "-n", f.Namespace, "--replicas=0")
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionScaling, metav1.ConditionFalse, v1.ReasonScalingDisabled)
	f.AwaitQuiet(f.Harness, f.Namespace, 500*time.Millisecond)
	before := f.Writes(f.Namespace)
	f.awaitDesired(0)

	f.Kubectl("scale", "deployment/web", "-n", f.Namespace, "--replicas=1")
	f.awaitDesired(2)
	web := f.NpuDeploy("web")
	f.AwaitObject(web, "another reason", func() bool {
		scaling := f.Condition(web, v1.ConditionScaling)
		return scaling != nil && scaling.Reason != v1.ReasonScalingDisabled
	})
	f.awaitReplicas(2)
	for _, write := range f.Writes(f.Namespace)[len(before):] {
		if strings.Contains(write, "/deployments/") {
			t.Errorf("the controller sent %s", write)
		}
	}
}

// kubectl apply keeps replicas, which kubectl scale set and the manifest never had.
func TestMessageHasTheCommandThatRemovesReplicas(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "web.yaml")
	apply := func(manifest string) error {
		f.Must(os.WriteFile(path, []byte(strings.ReplaceAll(manifest, "NAMESPACE", f.Namespace)), 0o600))
		_, err := f.Cluster().Kubectl(f.Context(), "apply", "-n", f.Namespace, "-f", path)
		return err
	}
	f.Must(apply(replace("replicas: 1", "image: example.com/vllm:1")))
	f.settle()
	f.Kubectl("scale", "npudeploy/web", "-n", f.Namespace, "--replicas=3")
	f.awaitReplicas(3)
	scaled := replace("{replicas: 1}", "{image: example.com/vllm:1, dialect: vllm}\n  scaling: {max: 3, metric: RunningRequests, target: 8}")
	err := apply(scaled)
	_, command, ok := strings.Cut(fmt.Sprint(err), "remove it with kubectl ")
	if !ok {
		t.Fatalf("the error is %v", err)
	}
	command, _, _ = strings.Cut(command, "}'")
	command = strings.NewReplacer("NAME", "web", "'", "").Replace(command + "}")
	f.Kubectl(append(strings.Fields(command), "-n", f.Namespace)...)
	f.Must(apply(scaled))
	f.settle()
	f.awaitReplicas(3)
}

func TestNpuDeployWithAnAutoscalerIsNotScaled(t *testing.T) {
	f := newFixture(t)
	f.Apply(replace("replicas: 1", "replicas: 2"))
	deploy := f.NpuDeploy("web")
	f.Get(deploy)
	err := f.Client.Patch(f.Context(), deploy, client.RawPatch("application/merge-patch+json",
		[]byte(`{"spec":{"scaling":{"max":3,"metric":"RunningRequests","target":8}}}`)))
	if err == nil || !strings.Contains(err.Error(), "inferenceServer.replicas: the autoscaler of scaling sets the number") {
		t.Errorf("the error is %v", err)
	}
	f.Apply(strings.NewReplacer("name: web", "name: scaled", "host: web.", "host: scaled.").Replace(scaledBy("max: 3")))
	f.AwaitCondition(f.NpuDeploy("scaled"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
	err = f.Client.Patch(f.Context(), f.NpuDeploy("scaled"), client.RawPatch("application/merge-patch+json",
		[]byte(`{"spec":{"inferenceServer":{"replicas":2}}}`)))
	if err == nil || !strings.Contains(err.Error(), "change scaling.min and scaling.max instead") {
		t.Errorf("the error is %v", err)
	}
}
