package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// This file decides when a status is written. Kubernetes' controllers act one after the other, and each of their writes is
// an event: a status after each would soon be replaced by the next one.

// Delays after an event, to handle the next ones together: a Deployment emits a dozen during a rollout. Drift is
// urgent.
const (
	settleDrift  = 20 * time.Millisecond
	settleStatus = 500 * time.Millisecond
	// A status between two states, such as that of a starting pod, is written when its reason has been the same for
	// settleTransient. maxTransient bounds the delay if the reason keeps changing, or has not changed at all.
	settleTransient = time.Second
	maxTransient    = 3 * time.Second
	// settleFirst delays the first status if there is something to report before a pod has a condition.
	settleFirst = 2 * time.Second
	// maxControllers is how long Kubernetes' controllers have to act before a status reports that they have not.
	maxControllers = 10 * time.Second
)

// settle returns a longer delay before the first status of an NpuDeploy, so that it is written only once: before a pod has
// a condition, most objects have nothing to report. The same holds for objects that other templates changed, until
// these templates are recorded.
func (k *deployKind) settle(ctx context.Context, name types.NamespacedName, object client.Object) time.Duration {
	var deploy v1.NpuDeploy
	if err := k.cache.Get(ctx, name, &deploy); err != nil || deploy.Status.ObservedGeneration > 0 {
		if followsPods(object) && k.unrecorded.mayWait(&deploy) {
			return maxControllers
		}
		return settleStatus
	}
	return settleBeforeFirst(object)
}

// settleBeforeFirst returns how long the events of an object settle before the first status.
func settleBeforeFirst(object client.Object) time.Duration {
	switch object := object.(type) {
	case *corev1.Pod:
		if len(object.Status.Conditions) > 0 {
			return settleStatus
		}
	case *appsv1.Deployment:
		hasError := len(object.Status.Conditions) > 0 // Only conditions with an error are cached.
		if hasError || ptr.Deref(object.Spec.Replicas, 1) == 0 {
			return settleFirst
		}
	case *unstructured.Unstructured:
		if replicas, isSet, _ := unstructured.NestedInt64(object.Object, "spec", "replicas"); isSet && replicas == 0 {
			return settleFirst
		}
	case *corev1.Event, *corev1.Node:
		return settleFirst
	}
	return maxControllers + settleStatus // The deferral begins a little later than the first event.
}

// followsPods reports whether status reads nothing of an object, or only what changes with its pods.
func followsPods(object client.Object) bool {
	switch object.(type) {
	case *metav1.PartialObjectMetadata, *appsv1.Deployment:
		return true
	}
	return false
}

// delayAfterApply waits for events of the objects that were created, and with other templates until these are applied to
// all NpuDeploys whose servers stay.
func (k *deployKind) delayAfterApply(deploy *v1.NpuDeploy, rendered *rendering, changes apply.ChangeSet) (after time.Duration, priority int) {
	if len(changes.Changed()) > 0 {
		k.unrecorded.applied(deploy)
		if k.unrecorded.mayWait(deploy) {
			return maxControllers, priorityRecord
		}
	}
	if hasCreated(changes) {
		return k.createdDelay(deploy, rendered), priorityStatus
	}
	return 0, priorityStatus
}

// createdDelay defers the first status until there are pods, which are events, and that of a later creation shortly.
func (k *deployKind) createdDelay(deploy *v1.NpuDeploy, rendered *rendering) time.Duration {
	switch {
	case deploy.Status.ObservedGeneration > 0:
		return settleStatus
	case rendered.resolved.Workload == "":
		return settleFirst
	}
	return max(k.deferred.remaining(deploy, maxControllers, maxControllers), settleStatus)
}

func hasCreated(changes apply.ChangeSet) bool {
	return slices.ContainsFunc(changes, func(change apply.Change) bool { return change.Action == apply.Created })
}

// statusDelay defers a status that the next one replaces: one that only Kubernetes' controllers have to act on, such as
// the first before the pods are scheduled, for up to maxControllers; another one between two states until its reason has
// stayed the same for settleTransient.
//
// One that only records other templates waits as in delayAfterApply.
func (k *deployKind) statusDelay(deploy, next *v1.NpuDeploy) (after time.Duration, priority int) {
	isFirst := deploy.Status.ObservedGeneration == 0
	switch {
	case k.unrecorded.mayWait(deploy) && isRecordOnly(deploy, next):
		return maxControllers, priorityRecord
	case isFirst && readyReason(next) == v1.ReasonProgressing,
		status.AwaitsControllers(&next.Status) && isTransitional(deploy, next):
		return k.deferred.remaining(next, maxControllers, maxControllers), priorityStatus
	case isTransitional(deploy, next):
		same := maxTransient // Only the message and counts change.
		if readyReason(deploy) != readyReason(next) {
			same = settleTransient
		}
		return k.deferred.remaining(next, same, maxTransient), priorityStatus
	}
	k.deferred.forget(client.ObjectKeyFromObject(deploy))
	return 0, priorityStatus
}

// isRecordOnly reports whether a status differs in nothing but the templates.
func isRecordOnly(deploy, next *v1.NpuDeploy) bool {
	same := next.Status
	same.Templates = deploy.Status.Templates
	return equality.Semantic.DeepEqual(same, deploy.Status)
}

// isTransitional reports whether next is between two states: it waits as the status before does, or as many pods serve
// as before, such as until the Deployment's controller acts on a change. What other conditions say, and steps of a
// promotion, do not wait.
func isTransitional(deploy, next *v1.NpuDeploy) bool {
	before, after := &deploy.Status, &next.Status
	servesAsBefore := meta.IsStatusConditionTrue(before.Conditions, v1.ConditionReady) &&
		before.ReadyReplicas == after.ReadyReplicas && before.ReplicaSummary == after.ReplicaSummary
	return (servesAsBefore || isWaiting(before)) && isWaiting(after) && saysTheSame(before.Conditions, after.Conditions) &&
		equality.Semantic.DeepEqual(before.TrafficSteps, after.TrafficSteps) && !equality.Semantic.DeepEqual(*before, *after)
}

// saysTheSame reports whether all conditions but those of the pods are the same.
func saysTheSame(before, after []metav1.Condition) bool {
	return slices.EqualFunc(before, after, func(a, b metav1.Condition) bool {
		isOfPods := a.Type == v1.ConditionReady || a.Type == v1.ConditionAvailable
		return a.Type == b.Type && (isOfPods || a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message)
	})
}

// isWaiting reports whether it is not Ready for a reason that passes.
func isWaiting(current *v1.NpuDeployStatus) bool {
	ready := meta.FindStatusCondition(current.Conditions, v1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionFalse && isTransient(ready.Reason)
}

// deferredStatuses has the statuses between two states that are deferred.
type deferredStatuses struct {
	clock clock.PassiveClock

	mu     sync.Mutex
	byName map[types.NamespacedName]transitionalStatus
}

type transitionalStatus struct {
	reason         string    // of Ready
	first, changed time.Time // when a status was deferred, and when one with this reason
}

func newDeferredStatuses(passive clock.PassiveClock) *deferredStatuses {
	return &deferredStatuses{clock: passive, byName: map[types.NamespacedName]transitionalStatus{}}
}

// remaining returns how long a status is still deferred: until its reason has stayed the same for a time, and at most
// for another. When that is over, it forgets the status.
func (s *deferredStatuses) remaining(next *v1.NpuDeploy, same, most time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, now := client.ObjectKeyFromObject(next), s.clock.Now()
	deferred, isDeferred := s.byName[name]
	if !isDeferred {
		deferred.first = now
	}
	if reason := readyReason(next); !isDeferred || deferred.reason != reason {
		deferred.reason, deferred.changed = reason, now
	}
	s.byName[name] = deferred
	remaining := min(deferred.changed.Add(same).Sub(now), deferred.first.Add(most).Sub(now))
	if remaining <= 0 {
		delete(s.byName, name)
	}
	return remaining
}

func readyReason(deploy *v1.NpuDeploy) string {
	if ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ""
}

func (s *deferredStatuses) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, name)
}
