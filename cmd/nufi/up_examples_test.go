package main

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestDescribeNotReady(t *testing.T) {
	t.Parallel()
	ready := metav1.Condition{Type: v1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1.ReasonReady, ObservedGeneration: 2}
	pending := metav1.Condition{Type: v1.ConditionReady, Status: metav1.ConditionFalse, Reason: "NoFreeDevice", Message: "needs 4", ObservedGeneration: 2}
	for want, object := range map[string]v1.NpuDeploy{
		"":                                      deploy("ready", 2, ready),
		"models/waiting: NoFreeDevice: needs 4": deploy("waiting", 2, pending),
		"models/changed: not reconciled yet":    deploy("changed", 3, ready),
		"models/new: not reconciled yet":        deploy("new", 1),
	} {
		if got := describeNotReady(&object); got != want {
			t.Errorf("%s: got %q, want %q", object.Name, got, want)
		}
	}
}

func deploy(name string, generation int64, conditions ...metav1.Condition) v1.NpuDeploy {
	return v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "models", Name: name, Generation: generation},
		Status:     v1.NpuDeployStatus{Conditions: conditions},
	}
}
