package controller

import (
	"context"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestFirstStatusWaitsForPods(t *testing.T) {
	t.Parallel()
	passive := testclock.NewFakePassiveClock(time.Unix(1000, 0))
	kind := &deployKind{deferred: newDeferredStatuses(passive), unrecorded: newUnrecordedAssignments(passive, nil)}
	evaluated := func(replicas, ready int32, value metav1.ConditionStatus, reason string) *v1.NpuDeploy {
		return &v1.NpuDeploy{Status: v1.NpuDeployStatus{
			Replicas: replicas, ReadyReplicas: ready, Conditions: []metav1.Condition{{Type: v1.ConditionReady, Status: value, Reason: reason}},
		}}
	}
	none := evaluated(0, 0, metav1.ConditionFalse, v1.ReasonProgressing)
	for _, c := range []struct {
		what     string
		observed int64         // generation
		after    time.Duration // since the one before
		next     *v1.NpuDeploy
		want     time.Duration
	}{
		{"objects were created", 0, 0, nil, maxControllers},
		{"no pods", 0, settleFirst, none, maxControllers - settleFirst},
		{"no pods for a while", 0, 3 * time.Second, none, maxControllers - settleFirst - 3*time.Second},
		{"no pods for long", 0, maxControllers, none, -settleFirst - 3*time.Second},
		{"pods that are not scheduled", 0, 0, evaluated(1, 0, metav1.ConditionFalse, v1.ReasonProgressing), maxControllers},
		{"pods that start", 0, 0, evaluated(1, 0, metav1.ConditionFalse, v1.ReasonStarting), 0},
		{"pods that are not counted", 0, 0, evaluated(1, 1, metav1.ConditionFalse, v1.ReasonProgressing), maxControllers},
		{"ready pods", 0, 0, evaluated(1, 1, metav1.ConditionTrue, v1.ReasonReady), 0},
		{"an error", 0, 0, evaluated(0, 0, metav1.ConditionFalse, v1.ReasonQuotaExceeded), 0},
		{"no pods of a later version", 1, 0, none, 0},
	} {
		passive.SetTime(passive.Now().Add(c.after))
		deploy := &v1.NpuDeploy{}
		deploy.Status.ObservedGeneration = c.observed
		delay := func() time.Duration {
			after, _ := kind.statusDelay(deploy, c.next)
			return after
		}
		if c.next == nil {
			delay = func() time.Duration { return kind.createdDelay(deploy, rendersTo("Deployment")) }
		}
		if got := delay(); got != c.want {
			t.Errorf("%s: waits %s, want %s", c.what, got, c.want)
		}
	}
	if got := kind.createdDelay(&v1.NpuDeploy{}, rendersTo("")); got != settleFirst {
		t.Errorf("without pods: waits %s", got)
	}
}

func rendersTo(workload string) *rendering {
	return &rendering{resolved: &status.Resolved{Workload: workload}}
}

// A status between two states waits for the next one, unless it stays the same.
func TestStatusBetweenTwoStatesIsDeferred(t *testing.T) {
	t.Parallel()
	passive := testclock.NewFakePassiveClock(time.Unix(1000, 0))
	kind := &deployKind{deferred: newDeferredStatuses(passive), unrecorded: newUnrecordedAssignments(passive, nil)}
	evaluated := func(ready int32, value metav1.ConditionStatus, reason string) *v1.NpuDeploy {
		return &v1.NpuDeploy{Status: v1.NpuDeployStatus{
			ObservedGeneration: 1, Replicas: 3, ReadyReplicas: ready, Conditions: []metav1.Condition{{
				Type: v1.ConditionReady, Status: value, Reason: reason, Message: strconv.Itoa(int(ready)), LastTransitionTime: metav1.NewTime(passive.Now()),
			}},
		}}
	}
	starting, progressing := evaluated(0, metav1.ConditionFalse, v1.ReasonStarting), evaluated(1, metav1.ConditionFalse, v1.ReasonProgressing)
	ready, crashed := evaluated(3, metav1.ConditionTrue, v1.ReasonReady), evaluated(0, metav1.ConditionFalse, v1.ReasonCrashLoop)
	more := evaluated(2, metav1.ConditionFalse, v1.ReasonProgressing)
	uncounted := evaluated(3, metav1.ConditionFalse, v1.ReasonProgressing)
	again := progressing.DeepCopy() // evaluated later
	again.Status.Conditions[0].LastTransitionTime = metav1.NewTime(passive.Now().Add(time.Second))
	promoted := progressing.DeepCopy()
	promoted.Status.TrafficSteps = &v1.TrafficStepsStatus{Share: 10}
	updated := uncounted.DeepCopy()
	updated.Status.Conditions = append(updated.Status.Conditions, metav1.Condition{Type: v1.ConditionUpdateAvailable, Status: metav1.ConditionTrue})
	for _, c := range []struct {
		what         string
		before, next *v1.NpuDeploy
		after        time.Duration // since the one before
		want         time.Duration
	}{
		{"an outage", ready, starting, 0, 0},
		{"an outage before pods are created", ready, progressing, 0, 0},
		{"a failure", starting, crashed, 0, 0},
		{"the end of a failure", crashed, starting, 0, 0},
		{"an update", starting, updated, 0, 0},
		{"a step of a promotion", starting, promoted, 0, 0},
		{"no change", starting, starting, 0, 0},

		{"a change that the Deployment's controller has not acted on", ready, uncounted, 0, maxControllers},
		{"its outage", ready, starting, settleTransient, 0},
		{"pods that are not counted", starting, uncounted, 0, maxControllers},
		{"the same later", starting, uncounted, maxTransient, maxControllers - maxTransient},
		{"ready pods", starting, ready, 0, 0},
		{"pods that are not counted again", starting, uncounted, 0, maxControllers},
		{"a failure of them", starting, crashed, settleTransient, 0},
		{"pods that are never counted", starting, uncounted, 0, maxControllers},
		{"the same at the limit", starting, uncounted, maxControllers, 0},
		{"the same after it was written", uncounted, uncounted, 0, 0},
		{"a pod that starts then", uncounted, starting, 0, settleTransient},
		{"a start that did not last", uncounted, uncounted, 0, 0},

		{"pods that progress", starting, progressing, 0, settleTransient},
		{"the same a moment later", starting, again, settleTransient / 4, settleTransient * 3 / 4},
		{"the same after the delay", starting, progressing, settleTransient, -settleTransient / 4},
		{"the next one", progressing, starting, 0, settleTransient},
		{"a change that did not last", progressing, progressing, 0, 0},
		{"the next one again", progressing, starting, settleTransient, settleTransient},
		{"another reason", starting, more, settleTransient / 2, settleTransient},
		{"another reason before the limit", progressing, starting, maxTransient - settleTransient, settleTransient / 2},
		{"another reason at the limit", starting, more, settleTransient / 2, 0},
		{"more pods", progressing, more, 0, maxTransient},
		{"even more pods", progressing, again, settleTransient, maxTransient - settleTransient},
		{"more pods for long", progressing, more, maxTransient - settleTransient, 0},

		{"pods that are not counted once more", starting, uncounted, 0, maxControllers},
		{"a pod that starts instead", progressing, starting, maxTransient, 0},
	} {
		passive.SetTime(passive.Now().Add(c.after))
		if got, _ := kind.statusDelay(c.before, c.next); got != c.want {
			t.Errorf("%s: waits %s, want %s", c.what, got, c.want)
		}
	}
}

// cachedDeploy has one NpuDeploy.
type cachedDeploy struct {
	cache.Cache

	deploy *v1.NpuDeploy
}

func (c cachedDeploy) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	c.deploy.DeepCopyInto(into.(*v1.NpuDeploy))
	return nil
}

// Before the first status, most events are those of what the controller wrote and of Kubernetes' controllers.
func TestFirstStatusWaitsForEventsThatMatter(t *testing.T) {
	t.Parallel()
	scheduled := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled}}}}
	rejected := &appsv1.Deployment{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure}}}}
	groups := func(replicas int64) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"kind": "LeaderWorkerSet", "spec": map[string]any{"replicas": replicas}}}
	}
	for _, c := range []struct {
		what     string
		observed int64 // generation
		object   client.Object
		want     time.Duration
	}{
		{"a pod", 0, &corev1.Pod{}, maxControllers + settleStatus},
		{"a scheduled pod", 0, scheduled, settleStatus},
		{"a warning", 0, &corev1.Event{}, settleFirst},
		{"a Deployment", 0, &appsv1.Deployment{}, maxControllers + settleStatus},
		{"a Deployment without pods to come", 0, &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32)}}, settleFirst},
		{"a Deployment whose pods are rejected", 0, rejected, settleFirst},
		{"groups of pods", 0, groups(1), maxControllers + settleStatus},
		{"no groups of pods to come", 0, groups(0), settleFirst},
		{"a ReplicaSet", 0, newReplicaSet(), maxControllers + settleStatus},
		{"a pod after the first status", 1, &corev1.Pod{}, settleStatus},
	} {
		deploy := &v1.NpuDeploy{Status: v1.NpuDeployStatus{ObservedGeneration: c.observed}}
		kind := &deployKind{cache: cachedDeploy{deploy: deploy}, unrecorded: newUnrecordedAssignments(nil, nil)}
		if got := kind.settle(t.Context(), types.NamespacedName{}, c.object); got != c.want {
			t.Errorf("%s: waits %s, want %s", c.what, got, c.want)
		}
	}
}
