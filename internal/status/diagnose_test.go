package status_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestDiagnoseAgreesWithConditionAvailable(t *testing.T) {
	t.Parallel()
	reasons := map[string]bool{}
	for _, c := range cases(t) {
		observed := parse(t, string(c.Input()))
		evaluated := status.Evaluate(observed)
		available := meta.FindStatusCondition(evaluated.Conditions, v1.ConditionAvailable)
		for _, pod := range observed.Workload.Pods {
			_, message, named := strings.Cut(available.Message, " pods, "+pod.Name+": ")
			if !named || observed.Workload.Deployment == nil {
				continue
			}
			message, _, _ = strings.Cut(message, "; waiting for pod ")
			message = strings.TrimSuffix(message, ": "+observed.Workload.Admission) // Only the controller reads it.
			if at := strings.LastIndex(message, "; "); strings.HasSuffix(message, " of an earlier revision still serving") {
				message = message[:at]
			}
			got := status.Diagnose(&v1.NpuDeploy{Status: evaluated}, withSpec(observed, pod), observed.Workload.Warnings, observed.Scheduling)
			if got.Reason != available.Reason || got.Message != message {
				t.Errorf("%s: pod %s is %s: %s\nwant %s: %s", c.Name, pod.Name, got.Reason, got.Message, available.Reason, message)
			}
			reasons[got.Reason] = true
		}
	}
	if len(reasons) < 9 {
		t.Errorf("only these reasons were covered: %v", reasons)
	}
}

// withSpec adds the pod's spec, which testdata leaves out.
func withSpec(observed status.Observed, pod corev1.Pod) corev1.Pod {
	node := pod.Spec.NodeName
	observed.Workload.Deployment.Spec.Template.Spec.DeepCopyInto(&pod.Spec)
	pod.Spec.NodeName = node
	return pod
}

func TestDiagnoseOfReadyAndEndingPods(t *testing.T) {
	t.Parallel()
	at := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC))
	ready := corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	for name, test := range map[string]struct {
		pod  corev1.Pod
		want status.Outcome
	}{
		"ready":    {corev1.Pod{Status: ready}, status.Outcome{Reason: v1.ReasonReady}},
		"deleted":  {corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &at}, Status: ready}, status.Outcome{Reason: v1.ReasonProgressing, Message: "it is being deleted and has until 2026-03-01T12:00:30Z to stop"}},
		"rejected": {corev1.Pod{Spec: corev1.PodSpec{NodeName: "npu-1"}, Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "UnexpectedAdmissionError", Message: "no device"}}, status.Outcome{Reason: v1.ReasonPodRejected, Message: "node npu-1 terminated it: UnexpectedAdmissionError: no device"}},
	} {
		if got := status.Diagnose(&v1.NpuDeploy{}, test.pod, nil, status.SchedulingContext{}); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
