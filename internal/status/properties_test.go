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

// eachCase checks a property for every case in testdata.
func eachCase(t *testing.T, property func(*testing.T, status.Observed)) {
	t.Helper()
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			property(t, parse(t, string(c.Input())))
		})
	}
}

func TestEvaluateIgnoresTheOrderOfLists(t *testing.T) {
	eachCase(t, func(t *testing.T, observed status.Observed) {
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

func TestEvaluateIsIdempotent(t *testing.T) {
	eachCase(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		first := status.Evaluate(observed)
		observed.Deploy.Status = asStored(t, first)
		observed.Now = observed.Now.Add(time.Hour)
		if diff := cmp.Diff(observed.Deploy.Status, status.Evaluate(observed)); diff != "" {
			t.Errorf("status changes while nothing happens (-before +after):\n%s", diff)
		}
	})
}

// asStored is the status as the API server returns it.
func asStored(t *testing.T, evaluated v1.NpuDeployStatus) v1.NpuDeployStatus {
	t.Helper()
	text, err := json.Marshal(evaluated)
	if err != nil {
		t.Fatal(err)
	}
	var stored v1.NpuDeployStatus
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestEvaluateDoesNotModifyItsInput(t *testing.T) {
	eachCase(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		before := copyOf(t, observed.Workload)
		status.Evaluate(observed)
		if diff := cmp.Diff(before, observed.Workload); diff != "" {
			t.Errorf("the workload was modified (-before +after):\n%s", diff)
		}
	})
}

// copyByJSON returns a copy, or nil of nil.
func copyByJSON[T any](t *testing.T, value *T) *T {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var copied *T
	if err := json.Unmarshal(content, &copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

func copyOf(t *testing.T, workload status.Workload) status.Workload {
	t.Helper()
	copied := status.Workload{SpecObserved: workload.SpecObserved, Rejection: workload.Rejection, Admission: workload.Admission}
	copied.Deployment = workload.Deployment.DeepCopy()
	copied.Groups = copyByJSON(t, workload.Groups)
	copied.Ray = copyByJSON(t, workload.Ray)
	if workload.Prefill != nil {
		prefill := copyOf(t, *workload.Prefill)
		copied.Prefill = &prefill
	}
	for _, pod := range workload.Pods {
		copied.Pods = append(copied.Pods, *pod.DeepCopy())
	}
	for _, set := range workload.ReplicaSets {
		copied.ReplicaSets = append(copied.ReplicaSets, *set.DeepCopy())
	}
	for _, event := range workload.Warnings {
		copied.Warnings = append(copied.Warnings, *event.DeepCopy())
	}
	return copied
}

// Pods of every case are added as pods of an earlier revision.
func TestPodsOfAnEarlierRevisionAffectMessagesOnly(t *testing.T) {
	var earlier []corev1.Pod
	for _, c := range cases(t) {
		for _, pod := range parse(t, string(c.Input())).Workload.Pods {
			pod.Labels = map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: "ancient"}
			earlier = append(earlier, pod)
		}
	}
	eachCase(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		want := withoutMessagesAndImage(status.Evaluate(observed))
		observed.Workload.Pods = append(earlier, observed.Workload.Pods...)
		if diff := cmp.Diff(want, withoutMessagesAndImage(status.Evaluate(observed))); diff != "" {
			t.Errorf("pods of another revision change the status (-without +with):\n%s", diff)
		}
	})
}

func withoutMessagesAndImage(evaluated v1.NpuDeployStatus) v1.NpuDeployStatus {
	for i := range evaluated.Conditions {
		evaluated.Conditions[i].Message = ""
	}
	evaluated.Image = ""
	return evaluated
}

func TestKstatusComputesTheSameResult(t *testing.T) {
	eachCase(t, func(t *testing.T, observed status.Observed) {
		t.Helper()
		evaluated := status.Evaluate(observed)
		want := kstatus.InProgressStatus
		switch {
		case meta.IsStatusConditionTrue(evaluated.Conditions, v1.ConditionStalled):
			want = kstatus.FailedStatus
		case meta.IsStatusConditionTrue(evaluated.Conditions, v1.ConditionReady):
			want = kstatus.CurrentStatus
		}
		if got := kstatusOf(t, observed.Deploy, evaluated); got != want {
			t.Errorf("kstatus computes %s, want %s", got, want)
		}
		observed.Deploy.Generation++
		if got := kstatusOf(t, observed.Deploy, evaluated); got != kstatus.InProgressStatus {
			t.Errorf("kstatus computes %s for a generation that was not observed, want InProgress", got)
		}
	})
}

func kstatusOf(t *testing.T, deploy *v1.NpuDeploy, evaluated v1.NpuDeployStatus) kstatus.Status {
	t.Helper()
	deploy = deploy.DeepCopy()
	deploy.APIVersion, deploy.Kind, deploy.Status = v1.GroupVersion().String(), v1.Kind, evaluated
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

// checkInvariants checks what holds for every status.
func checkInvariants(t *testing.T, observed status.Observed, evaluated v1.NpuDeployStatus) {
	t.Helper()
	reason := regexp.MustCompile(`^[A-Za-z]+$`)
	for _, condition := range evaluated.Conditions {
		if !reason.MatchString(condition.Reason) {
			t.Errorf("%s: reason %q is not CamelCase", condition.Type, condition.Reason)
		}
		if len(condition.Message) > 1024 || strings.ContainsFunc(condition.Message, unicode.IsControl) {
			t.Errorf("%s: message is not one bounded line: %q", condition.Type, condition.Message)
		}
	}
	ready := meta.FindStatusCondition(evaluated.Conditions, v1.ConditionReady)
	var desired *int32
	switch workload := observed.Workload; {
	case workload.Deployment != nil:
		desired = workload.Deployment.Spec.Replicas
	case workload.Groups != nil:
		desired = workload.Groups.Spec.Replicas
	case workload.Ray != nil:
		desired = workload.Ray.Spec.RayClusterConfig.WorkerGroupSpecs[0].Replicas
	}
	if ready.Status == metav1.ConditionTrue && desired != nil && evaluated.ReadyReplicas < *desired {
		t.Errorf("Ready with %d ready replicas of %d", evaluated.ReadyReplicas, *desired)
	}
}
