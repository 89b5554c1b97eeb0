package status_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/golden"
)

func TestStateOf(t *testing.T) {
	for name, test := range map[string]struct {
		status        metav1.ConditionStatus // empty: there is no condition
		reason        string
		readyReplicas int32
		want          status.State
		message       string
	}{
		"without a status":             {want: status.StatePending},
		"ready":                        {metav1.ConditionTrue, v1.ReasonReady, 1, status.StateReady, ""},
		"scaled to zero":               {metav1.ConditionTrue, v1.ReasonScaledToZero, 0, status.StateScaledDown, ""},
		"not evaluated":                {metav1.ConditionUnknown, v1.ReasonNotObserved, 0, status.StatePending, "why"},
		"waiting for a device":         {metav1.ConditionFalse, v1.ReasonNoFreeDevice, 0, status.StatePending, "why"},
		"one replica without a device": {metav1.ConditionFalse, v1.ReasonNoFreeDevice, 1, status.StateDegraded, "why"},
		"loading the model":            {metav1.ConditionFalse, v1.ReasonStarting, 0, status.StateStarting, "why"},
		"a rollout":                    {metav1.ConditionFalse, v1.ReasonProgressing, 1, status.StateStarting, "why"},
		"being deleted":                {metav1.ConditionFalse, v1.ReasonTerminating, 0, status.StateStarting, "why"},
		"an invalid spec":              {metav1.ConditionFalse, v1.ReasonInvalidSpec, 0, status.StateError, "why"},
		"an invalid change":            {metav1.ConditionFalse, v1.ReasonInvalidSpec, 2, status.StateDegraded, "why"},
		"a taken host":                 {metav1.ConditionFalse, v1.ReasonHostTaken, 0, status.StateError, "why"},
		"an unknown reason":            {metav1.ConditionFalse, "Future", 0, status.StateError, "why"},
	} {
		t.Run(name, func(t *testing.T) {
			deploy := &v1.NpuDeploy{}
			deploy.Status.ReadyReplicas = test.readyReplicas
			if test.status != "" {
				deploy.Status.Conditions = []metav1.Condition{
					{Type: v1.ConditionAvailable, Status: metav1.ConditionFalse, Reason: v1.ReasonStarting, Message: "of another condition"},
					{Type: v1.ConditionReady, Status: test.status, Reason: test.reason, Message: "why"},
				}
			}
			if state, message := status.StateOf(deploy); state != test.want || message != test.message {
				t.Errorf("StateOf returns %s, %q, want %s, %q", state, message, test.want, test.message)
			}
		})
	}
}

// What a pod does, a failure and Ready are for users, and no wait for Kubernetes' controllers.
func TestAwaitsControllers(t *testing.T) {
	for name, want := range map[string]bool{
		"deployment-not-observed-yet":    true,
		"deployment-not-reconciled":      true,
		"replicaset-not-observed-yet":    true,
		"pods-newer-than-the-deployment": true,
		"available-not-for-long-enough":  true,
		"groups-not-observed":            true,
		"ray-not-observed":               true,

		"available":                false,
		"scaled-to-zero":           false,
		"not-observed-yet":         false,
		"not-scheduled-yet":        false,
		"no-free-device":           false,
		"unschedulable":            false,
		"creating-containers":      false,
		"loading":                  false,
		"rollout":                  false,
		"image-pull":               false,
		"crash-loop":               false,
		"quota-exceeded":           false,
		"pod-rejected":             false,
		"host-taken":               false,
		"invalid-spec":             false,
		"route-missing":            false,
		"prefill-without-a-device": false,
	} {
		evaluated := status.Evaluate(parse(t, string(golden.Cases(t, "testdata/"+name+".txtar", "conditions")[0].Input())))
		if got := status.AwaitsControllers(&evaluated); got != want {
			t.Errorf("%s: awaits controllers: %v, want %v", name, got, want)
		}
	}
}

func TestCauseIsTheConditionOfTheReasonOfReady(t *testing.T) {
	of := func(kind string, value metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: value, Reason: reason}
	}
	waiting := of(v1.ConditionAvailable, metav1.ConditionFalse, v1.ReasonNoFreeDevice)
	taken := of(v1.ConditionEndpoint, metav1.ConditionFalse, v1.ReasonHostTaken)
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		want       string
	}{
		"before the first evaluation": {nil, ""},
		"ready":                       {[]metav1.Condition{of(v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)}, ""},
		"an error after a wait":       {[]metav1.Condition{waiting, taken, of(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonHostTaken)}, v1.ConditionEndpoint},
		"a wait":                      {[]metav1.Condition{waiting, of(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonNoFreeDevice)}, v1.ConditionAvailable},
		"a deletion":                  {[]metav1.Condition{waiting, of(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonTerminating)}, v1.ConditionReady},
	} {
		deploy := &v1.NpuDeploy{Status: v1.NpuDeployStatus{Conditions: test.conditions}}
		got := ""
		if cause := status.Cause(deploy); cause != nil {
			got = cause.Type
		}
		if got != test.want {
			t.Errorf("%s: the cause is %q, want %q", name, got, test.want)
		}
	}
}
