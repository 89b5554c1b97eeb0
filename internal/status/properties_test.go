package status_test

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// eachSituation runs a property over all of testdata.
func eachSituation(t *testing.T, property func(*testing.T, status.Observed)) {
	t.Helper()
	for _, name := range situations(t) {
		t.Run(name, func(t *testing.T) {
			property(t, parse(t, string(open(t, name).Files[0].Data)))
		})
	}
}

func TestTheOrderOfListsDoesNotMatter(t *testing.T) {
	eachSituation(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		want := status.Evaluate(observed)
		random := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			workload := observed.Workload
			random.Shuffle(len(workload.Pods), swap(workload.Pods))
			random.Shuffle(len(workload.ReplicaSets), swap(workload.ReplicaSets))
			random.Shuffle(len(workload.Warnings), swap(workload.Warnings))
			if diff := cmp.Diff(want, status.Evaluate(observed)); diff != "" {
				t.Fatalf("status depends on order (-want +got):\n%s", diff)
			}
		}
	})
}

func swap[T any](list []T) func(int, int) {
	return func(i, j int) { list[i], list[j] = list[j], list[i] }
}

func TestJudgingItsOwnOutputLaterChangesNothing(t *testing.T) {
	eachSituation(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		first := status.Evaluate(observed)
		observed.Deploy.Status = asStored(t, first)
		observed.Now = observed.Now.Add(time.Hour)
		if diff := cmp.Diff(observed.Deploy.Status, status.Evaluate(observed)); diff != "" {
			t.Errorf("status changes while nothing happens (-before +after):\n%s", diff)
		}
	})
}

// asStored is the status after a round through the API server's text.
func asStored(t *testing.T, judged v1.NpuDeployStatus) v1.NpuDeployStatus {
	t.Helper()
	text, err := json.Marshal(judged)
	if err != nil {
		t.Fatal(err)
	}
	var stored v1.NpuDeployStatus
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestWhatWasObservedIsNotChanged(t *testing.T) {
	eachSituation(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		before := parseAgain(t, observed)
		status.Evaluate(observed)
		if diff := cmp.Diff(before, observed.Workload); diff != "" {
			t.Errorf("the workload changed (-before +after):\n%s", diff)
		}
	})
}

func parseAgain(t *testing.T, observed status.Observed) status.Workload {
	t.Helper()
	var copied status.Workload
	copied.Deployment = observed.Workload.Deployment.DeepCopy()
	for _, pod := range observed.Workload.Pods {
		copied.Pods = append(copied.Pods, *pod.DeepCopy())
	}
	for _, set := range observed.Workload.ReplicaSets {
		copied.ReplicaSets = append(copied.ReplicaSets, *set.DeepCopy())
	}
	for _, event := range observed.Workload.Warnings {
		copied.Warnings = append(copied.Warnings, *event.DeepCopy())
	}
	return copied
}

// Pods of every situation are added as pods of an earlier revision.
func TestPodsOfAnEarlierRevisionDecideNothing(t *testing.T) {
	var earlier []corev1.Pod
	for _, name := range situations(t) {
		for _, pod := range parse(t, string(open(t, name).Files[0].Data)).Workload.Pods {
			pod.Labels = map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: "ancient"}
			earlier = append(earlier, pod)
		}
	}
	eachSituation(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		want := decided(status.Evaluate(observed))
		observed.Workload.Pods = append(earlier, observed.Workload.Pods...)
		if diff := cmp.Diff(want, decided(status.Evaluate(observed))); diff != "" {
			t.Errorf("pods of another revision decide (-without +with):\n%s", diff)
		}
	})
}

// decided is a status without its messages.
func decided(judged v1.NpuDeployStatus) v1.NpuDeployStatus {
	for i := range judged.Conditions {
		judged.Conditions[i].Message = ""
	}
	return judged
}

func TestKstatusAgrees(t *testing.T) {
	eachSituation(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		judged := status.Evaluate(observed)
		want := kstatus.InProgressStatus
		switch {
		case meta.IsStatusConditionTrue(judged.Conditions, v1.ConditionStalled):
			want = kstatus.FailedStatus
		case meta.IsStatusConditionTrue(judged.Conditions, v1.ConditionReady):
			want = kstatus.CurrentStatus
		}
		if got := computed(t, observed.Deploy, judged); got != want {
			t.Errorf("kstatus says %s, want %s", got, want)
		}
		observed.Deploy.Generation++
		if got := computed(t, observed.Deploy, judged); got != kstatus.InProgressStatus {
			t.Errorf("kstatus says %s of a generation that nobody has seen, want InProgress", got)
		}
	})
}

func computed(t *testing.T, deploy *v1.NpuDeploy, judged v1.NpuDeployStatus) kstatus.Status {
	t.Helper()
	deploy = deploy.DeepCopy()
	deploy.APIVersion, deploy.Kind, deploy.Status = v1.GroupVersion().String(), v1.Kind, judged
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(deploy)
	if err != nil {
		t.Fatal(err)
	}
	result, err := kstatus.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

// hold checks what is true of every status, however odd the input.
func hold(t *testing.T, observed status.Observed, judged v1.NpuDeployStatus) {
	t.Helper()
	reason := regexp.MustCompile(`^[A-Za-z]+$`)
	for _, condition := range judged.Conditions {
		if !reason.MatchString(condition.Reason) {
			t.Errorf("%s: reason %q is no CamelCase word", condition.Type, condition.Reason)
		}
		if len(condition.Message) > 1024 || strings.ContainsFunc(condition.Message, unicode.IsControl) {
			t.Errorf("%s: message is not one bounded line: %q", condition.Type, condition.Message)
		}
	}
	ready := meta.FindStatusCondition(judged.Conditions, v1.ConditionReady)
	if ready.Status == metav1.ConditionTrue && judged.ReadyReplicas < *observed.Workload.Deployment.Spec.Replicas {
		t.Errorf("Ready with %d ready pods of %d", judged.ReadyReplicas, *observed.Workload.Deployment.Spec.Replicas)
	}
}
