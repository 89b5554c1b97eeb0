package controller

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups="",resources=pods/eviction,verbs=create

// reasonReleased is the reason of the event of an eviction.
const reasonReleased = "DevicesReleased"

// evictionRetry is the delay before another attempt if a disruption budget rejects an eviction.
const evictionRetry = 30 * time.Second

// releasePartial evicts the pods of incomplete groups that have held devices for longer than policy allows.
// LeaderWorkerSet or KubeRay creates the pods again, but the scheduler places the pods that waited before them first.
// All times are read from the objects, so that a controller that restarts continues.
func (k *deployKind) releasePartial(ctx context.Context, observed status.Observed) error {
	for _, group := range observed.PartialGroups() {
		at, isLimited := observed.Release(group)
		if !isLimited {
			return nil
		}
		if wait := at.Sub(k.clock.Now()); wait > 0 {
			k.queue.addWith(priorityqueue.AddOpts{After: wait}, client.ObjectKeyFromObject(observed.Deploy))
			continue
		}
		isSame, err := k.isStillPartial(ctx, observed, group)
		if err != nil || !isSame {
			return err // If the group has changed, the informers' events cause another reconcile.
		}
		if err := k.evict(ctx, observed, group); err != nil {
			return err
		}
	}
	return nil
}

// isStillPartial compares the group with the pods of the API server, because informers may lag behind.
func (k *deployKind) isStillPartial(ctx context.Context, observed status.Observed, group status.PartialGroup) (bool, error) {
	var pods corev1.PodList
	if err := k.direct.List(ctx, &pods, client.InNamespace(observed.Deploy.Namespace), client.MatchingLabels{v1.LabelDeploy: observed.Deploy.Name}); err != nil {
		return false, err
	}
	observed.Workload.Pods = pods.Items
	return slices.ContainsFunc(observed.PartialGroups(), func(current status.PartialGroup) bool {
		return current.Name == group.Name && current.Held == group.Held && slices.EqualFunc(current.Pods, group.Pods, func(a, b corev1.Pod) bool { return a.UID == b.UID })
	}), nil
}

// evict also evicts the pods that wait for a node: they would be the first to get the devices that the others release.
// The head of a RayCluster has no devices and stays, because the Ray of its workers would end with it.
func (k *deployKind) evict(ctx context.Context, observed status.Observed, group status.PartialGroup) error {
	evicted := 0
	for i := range group.Pods {
		pod := &group.Pods[i]
		err := k.direct.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{
			ObjectMeta:    metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
			DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))},
		})
		switch {
		case err == nil:
			evicted++
		case apierrors.IsTooManyRequests(err):
			k.queue.addWith(priorityqueue.AddOpts{After: evictionRetry}, client.ObjectKeyFromObject(observed.Deploy))
		case !apierrors.IsNotFound(err) && !apierrors.IsConflict(err):
			return err
		}
	}
	if evicted > 0 {
		// The related pod tells the events of two groups apart.
		k.recorder.Eventf(observed.Deploy, &group.Pods[0], corev1.EventTypeWarning, reasonReleased, "Evict",
			"%s since %s, without nodes for all of its pods: they are released", observed.Describe(group), group.Since.UTC().Format(time.RFC3339))
	}
	return nil
}
